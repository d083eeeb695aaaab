"""What a channel was found to be, in words, and what it was found not to be.

Numbers count as labels where they are high, above the median of their ply.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from conceptlrp.labelling import ChannelLabels, LabelCriteria, NamedLabel, Rule
from conceptlrp.labelling.channel_name import FEATURE_MAP, FIRING_PLACE, RULE, described
from conceptlrp.labelling.result import TELLS
from conceptlrp.report.words.numbers import compact, percent, signed_amount
from conceptlrp.statistics.intervals import (
    LEAST_GAMES,
    SAME_DRAWS,
    between,
    effect,
    fixed,
)

if TYPE_CHECKING:
    from conceptlrp.report.channel import ChannelReport
    from conceptlrp.report.findings import RunnerUp


def heading(report: "ChannelReport") -> str:
    """Title of a channel: its name, "Unnamed" as a result, or its number."""
    if report.statistics.dead:
        return "Dead channel"
    if report.labels is None and not report.name.is_named:
        return f"Channel {report.channel}"
    return report.name.title


def mapped_quantity(label: NamedLabel) -> str:
    """Say what lies on the squares of a label scored by maps."""
    of_activation = label.measure in (FEATURE_MAP, FIRING_PLACE)
    return "activation" if of_activation else "relevance"


def label_interval(label: "NamedLabel | RunnerUp") -> str:
    """Write the interval of the held-out effect of a label, "" if it has none."""
    if label.low is None:
        return ""
    ends = label.low, label.high
    return between(*ends, effect, games=LEAST_GAMES, same=SAME_DRAWS)


def squares_line(label: NamedLabel) -> str:
    """Say how much lies on the squares of a label that was scored by maps."""
    return (
        f"{percent(label.share or 0)} of its {mapped_quantity(label)} lies on the "
        f"label's squares; overlap {compact(label.iou or 0)}, AUROC within boards "
        f"{compact(label.within_board or 0)}."
    )


def rule_title(rule: Rule) -> str:
    """Say what its channel does where a rule holds: "Active on an empty square."."""
    said = described(rule.sentence, rule.sign, RULE)
    return f"{said[:1].upper()}{said[1:]}."


def rule_line(rule: Rule) -> str:
    """Say how well a rule in squares tells the channel's map."""
    explained = between(rule.low, rule.high, fixed, games=LEAST_GAMES)
    return (
        f"A tree of few leaves over such squares explains {rule.r2:.2f} {explained} of "
        f"the variance on held-out games, at most {rule.random:.2f} in networks with "
        "random weights. This is the part of it that tells most: it holds on "
        f"{percent(rule.share)} of the squares, where the mean is {effect(rule.mean)} "
        f"standard deviations, and {effect(rule.elsewhere)} elsewhere."
    )


def random_line(report: "ChannelReport") -> str:
    """Say how many channels get a label where none should; "" where not known."""
    controls = (
        ("a network of the same shape with random weights", report.random_labelled),
        (
            "this one with its numbers exchanged between positions of the same ply",
            report.exchanged_labelled,
        ),
    )
    shares = [
        f"{what} gets a label on {percent(share)}"
        for what, share in controls
        if share is not None
    ]
    if not shares:
        return ""
    return (
        f"Controls: by the same rules, {' and '.join(shares)} of the channels of "
        f"{report.layer}."
    )


def why_it_is_no_name(label: NamedLabel, found: ChannelLabels) -> str:
    """Say why a label that fulfils every criterion is not the name."""
    if found.note:
        return f"holds, but {found.note}"
    if found.is_named:
        return "holds too, but the name describes the channel better"
    if label is not found.labels[0]:
        return f"holds, but '{found.labels[0].label}' comes before it"
    rivals = ", ".join(f"'{each}'" for each in found.rivals)
    return f"holds, but does not clearly lead {rivals}"


def why_it_failed(
    size: float,
    held_out: float | None,
    q: float | None,
    random: float | None,
    criteria: LabelCriteria,
    strength: float,
) -> str:
    """Return the first criterion that a label does not fulfil."""
    least = (random or 0.0) + criteria.over_random
    confirmed = None if held_out is None else held_out * np.sign(size)
    if strength < criteria.effect and abs(size) < TELLS:
        return (
            f"its rank correlation is of size {compact(strength)}, below "
            f"{compact(criteria.effect)}"
        )
    if abs(size) < least:
        return f"networks with random weights also reach {compact(random or 0.0)}"
    if q is None or not q <= criteria.false_discoveries:
        value = "unknown" if q is None else compact(q)
        return f"it may be chance (q {value})"
    if confirmed is None or confirmed < least:
        value = "nothing" if held_out is None else signed_amount(held_out)
        return f"held-out games show {value} of its {signed_amount(size)}"
    return (
        "the interval of its effect reaches that of networks with random weights, or "
        "what these show too explains it"
    )


def label_lines(report: "ChannelReport") -> Iterator[str]:
    """Say which labels a channel has, and why others failed, line by line."""
    if report.labels is None:
        return
    for label in report.labels.labels[:1]:
        if label.share is not None:
            yield squares_line(label)
        chance = "" if np.isnan(label.q) else f"q {compact(label.q)}."
        yield from filter(None, [chance])
    if report.rule is not None:
        yield f"{rule_title(report.rule)} {rule_line(report.rule)}"
    if report.runners_up:
        yield "Runners-up:" if report.name.is_named else "Labels that failed:"
        yield from (_runner_up(each) for each in report.runners_up)
    yield from filter(None, [random_line(report)])


def _runner_up(each: "RunnerUp") -> str:
    size = "" if each.effect is None else f", effect {effect(each.effect)}"
    return f"- '{each.label}' ({each.measure}{size}): {each.reason}."
