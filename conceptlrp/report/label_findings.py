"""Which labels came near to being a channel's, and what each of them lacked.

Shapes use C channels and K labels.
"""

from collections.abc import Sequence

import numpy as np

from conceptlrp.labelling import ChannelLabels, LabelCriteria, LabelScores, NamedLabel
from conceptlrp.labelling.channel_labels import UNNAMED
from conceptlrp.report.runner_up import RunnerUp
from conceptlrp.report.wording import compact, signed_amount

__all__ = ["runners_up"]

_RUNNERS_UP = 5


def runners_up(
    scores: LabelScores, channel: int, *, controls: Sequence[str] = ()
) -> tuple[RunnerUp, ...]:
    """Find the best labels that a channel is not named by, and say why not.

    Labels that fulfil every criterion come first, then the others by the size of
    their effect; of several measures of one label the best counts.

    Returns: Five at most.
    """
    found = scores.channels[channel]
    left_out = {*controls, found.name}
    chosen = {
        label.label: _held(found, label)
        for label in found.labels
        if label.label not in left_out
    }
    for size, measure, k in _by_size(scores, channel):
        if len(chosen) >= _RUNNERS_UP or size == 0:
            break
        name = scores.labels[k]
        if name not in left_out and name not in chosen:
            chosen[name] = _failed(scores, channel, measure, k)
    return tuple(chosen.values())[:_RUNNERS_UP]


def _by_size(scores: LabelScores, channel: int) -> list[tuple[float, str, int]]:
    """Return size, measure and label of what could be tested, largest first."""
    tested = [
        (abs(float(size)), measure, k)
        for measure, effects in scores.effect.items()
        for k, size in enumerate(effects[channel])
        if np.isfinite(size)
    ]
    return sorted(tested, key=lambda each: -each[0])


def _held(found: ChannelLabels, label: NamedLabel) -> RunnerUp:
    """Say why a label that fulfils every criterion is not the name."""
    if found.name != UNNAMED:
        reason = f"holds too, but '{found.name}' describes the channel better"
    elif label is found.labels[0]:
        rivals = ", ".join(f"'{name}'" for name in found.rivals)
        reason = f"holds, but is not clearly ahead of {rivals}"
    else:
        reason = f"holds, but '{found.labels[0].label}' comes before it"
    return RunnerUp(
        label=label.label,
        measure=label.measure,
        effect=label.effect,
        held_out=label.held_out,
        low=label.low,
        high=label.high,
        q=label.q,
        random=label.random,
        reason=reason,
    )


def _failed(scores: LabelScores, channel: int, measure: str, k: int) -> RunnerUp:
    size, held_out, q = (
        _number(table[measure][channel, k])
        for table in (scores.effect, scores.held_out, scores.q)
    )
    random = _number(scores.random[measure][k])
    return RunnerUp(
        label=scores.labels[k],
        measure=measure,
        effect=size,
        held_out=held_out,
        low=None,
        high=None,
        q=q,
        random=random,
        reason=_lack(size or 0.0, held_out, q, random, scores.criteria),
    )


def _lack(
    size: float,
    held_out: float | None,
    q: float | None,
    random: float | None,
    criteria: LabelCriteria,
) -> str:
    """Return the first criterion that a label does not fulfil."""
    least = max(criteria.effect, (random or 0.0) + criteria.over_random)
    confirmed = None if held_out is None else held_out * np.sign(size)
    if abs(size) < criteria.effect:
        return f"its effect {signed_amount(size)} is below {compact(criteria.effect)}"
    if abs(size) < least:
        return f"networks with random weights show {compact(random or 0.0)} too"
    if q is None or not q <= criteria.false_discoveries:
        value = "unknown" if q is None else compact(q)
        return f"it may be chance (q {value})"
    if confirmed is None or confirmed < least:
        value = "nothing" if held_out is None else signed_amount(held_out)
        return f"games held out show {value} of its {signed_amount(size)}"
    return "the interval of its effect reaches that of networks with random weights"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
