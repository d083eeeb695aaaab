"""What ablating a channel does, in words."""

from collections.abc import Iterator

from conceptlrp.report.channel import ChannelReport
from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.wording import compact, percent, plural, signed_amount

__all__ = ["ablation_lines"]


def ablation_lines(report: ChannelReport) -> Iterator[str]:
    """Say what ablating the channel does, beside its control.

    Yields: Sentences, none where nothing was ablated.
    """
    found = report.effects
    if found is None:
        return
    yield (
        f"With the channel replaced ({found.ablation}) on "
        f"{plural(found.positions, 'position')}, the output {_fall(found)} on average "
        f"({report.unit}). It changes by {compact(found.size)} "
        f"{_interval(found.size_low, found.size_high)} in magnitude, rank "
        f"{found.rank} of {report.channels}."
    )
    verdict = "more" if found.beats_control else "not clearly more"
    yield (
        f"That is {verdict} than a change as large in other channels of the layer does "
        f"({compact(found.control)} "
        f"{_interval(found.control_low, found.control_high)}). Another move becomes "
        f"the best on {percent(found.moves_changed)} of the positions."
    )
    if found.value is not None:
        yield _value_change(found)


def _fall(found: ChannelEffect) -> str:
    if found.fall < 0:
        rise = _interval(-found.fall_high, -found.fall_low)
        return f"rises by {compact(-found.fall)} {rise}"
    return (
        f"falls by {compact(found.fall)} {_interval(found.fall_low, found.fall_high)}"
    )


def _value_change(found: ChannelEffect) -> str:
    ends = (found.value_high or 0.0, found.value or 0.0, found.value_low or 0.0)
    low, middle, high = (signed_amount(-each) for each in ends)
    return f"The value before tanh changes by {middle} [{low}, {high}] on average."


def _interval(low: float, high: float) -> str:
    return f"[{compact(low)}, {compact(high)}]"
