"""What a channel was found to be, in words, and what it was found not to be.

Numbers count as labels where they are high, above the median of their ply.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from conceptlrp.labelling import (
    ChannelCause,
    ChannelLabels,
    LabelCriteria,
    NamedLabel,
    Rule,
)
from conceptlrp.labelling.channel_name import (
    FEATURE_MAP,
    FIRING_PLACE,
    INTERCHANGE,
    RULE,
    STRONGEST,
    ChannelName,
)
from conceptlrp.labelling.interchange_result import LEAST
from conceptlrp.labelling.result import TELLS
from conceptlrp.labels import sentence
from conceptlrp.report.words.numbers import (
    compact,
    effect,
    percent,
    plural,
    signed_amount,
)
from conceptlrp.statistics.intervals import LEAST_GAMES, between, fixed

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


def label_size(label: NamedLabel) -> str:
    """Write such as "AUROC 0.91, effect +0.82 [+0.78, +0.86] on held-out games"."""
    auroc = "" if label.auroc is None else f"AUROC {label.auroc:.2f}, "
    kind = label.kind if label.auroc is None else "effect"
    interval = label_interval(label)
    return f"{auroc}{kind} {effect(label.held_out)} {interval} on held-out games"


def label_interval(label: "NamedLabel | RunnerUp") -> str:
    """Write the interval of the held-out effect of a label, "" if it has none."""
    if label.low is None or label.high is None or label.measure == RULE:
        return ""
    same = "the same in every draw of games"
    ends = label.low, label.high
    return between(*ends, effect, games=LEAST_GAMES, same=same)


def squares_line(label: NamedLabel) -> str:
    """Say how much lies on the squares of a label that was scored by maps."""
    return (
        f"{percent(label.share or 0)} of its {mapped_quantity(label)} lies on the "
        f"label's squares; overlap {compact(label.iou or 0)}, AUROC within boards "
        f"{compact(label.within_board or 0)}."
    )


def verdict(report: "ChannelReport") -> str:
    """Say in a sentence what the channel was found to be; "" without any labels."""
    if report.labels is None or report.statistics.dead:
        return ""
    if report.name.measure == INTERCHANGE:
        return report.evidence.causes.text
    found, held = report.labels, report.labels.labels
    if found.is_named:
        best, *tied = (_named(label) for label in held[: found.named])
        as_well = (
            f" It fits as well that {each[0].lower()}{each[1:]}." for each in tied
        )
        return f"{best}{_caused(report)}.{''.join(as_well)}"
    if found.note:
        return f"It has no name of its own, since {found.note}."
    if held:
        rivals = [f"'{each}'" for each in (held[0].label, *found.rivals[:3])]
        if len(rivals) > 1:
            named = f"{', '.join(rivals[:-1])} and {rivals[-1]} fit about equally well"
        else:
            named = f"{rivals[0]} holds, but does not clearly lead"
        return f"{named}, so the channel has no name."
    if report.runners_up:
        near = report.runners_up[0]
        return f"No label describes it. The nearest is '{near.label}': {near.reason}."
    return "No label describes it."


def _named(label: NamedLabel) -> str:
    said = sentence(label.label)
    meant = f" ({said})" if said else ""
    way = "lower" if label.effect < 0 else "higher"
    if label.share is not None:
        # The comparison is among squares alike, which may hold little of the whole.
        part = percent(label.share)
        quantity = mapped_quantity(label)
        maps = "feature maps" if quantity == "activation" else "heatmaps"
        where = (
            f"Among squares of one kind, its {maps} are {way} on "
            f"'{label.label}'{meant}, which have {part} of its {quantity}"
        )
    elif label.measure == STRONGEST:
        where = (
            f"On the boards of its largest relevance '{label.label}'{meant} holds more "
            f"often than on others of their plies, by {percent(label.held_out)} of them"
        )
    elif label.measure == RULE:
        where = f"Its feature map is {way} on {label.label}"
    elif label.auroc is None:
        more = "more" if label.effect >= 0 else "less"
        where = f"Its {label.measure} is higher with {more} '{label.label}'{meant}"
    else:
        where = f"Its {label.measure} is {way} where '{label.label}' holds{meant}"
    random = compact(round(label.random, 2))
    return f"{where}: {label_size(label)}; random networks reach {random}"


def _caused(report: "ChannelReport") -> str:
    cause = report.cause
    if cause is None:
        return ""
    if cause.passed is None:
        return "; interchange cannot tell whether the output follows it"
    if cause.passed:
        return f"; interchange shows that the output follows it (r {effect(cause.r)})"
    shown = "" if np.isnan(cause.r) else f" (r {effect(cause.r)})"
    return f"; but interchange does not show that the output follows it{shown}"


def cause_lines(report: "ChannelReport") -> tuple[str, str]:
    """Return the result of the causal check and what it rests on; "" without labels."""
    cause, labels = report.cause, report.labels
    if labels is None or not labels.labels:
        return "", ""
    if cause is None:
        return "No causal check:", "the channel was not interchanged."
    if cause.passed is None:
        where = (
            f"in pairs of {plural(cause.games, 'game')}" if cause.games else "nowhere"
        )
        return "Causal check undecided.", (
            f"Between positions of the same ply, '{cause.label}' differs {where}; "
            f"pairs of at least {LEAST_GAMES} games are needed."
        )
    head = f"Causal check {'passed' if cause.passed else 'failed'}."
    equal = (
        ""
        if np.isnan(cause.equal)
        else f" Where the label is equal, the change is {compact(cause.equal)} times "
        "as large as where it differs."
    )
    return head, (
        "With the channel's map of another game's position of the same ply in place "
        f"of its own, the output {_followed(cause)}. Labels exchanged within plies "
        f"reach {compact(cause.exchanged)}, networks with random weights "
        f"{compact(cause.random)}; to pass, r must exceed the former in size, and its "
        f"whole interval the latter and {compact(LEAST)}.{equal}"
    )


def carried_line(report: "ChannelReport") -> str:
    """Say what a channel carries most clearly, unless its best label is just that."""
    carried, cause = report.carried, report.cause
    if carried is None or (cause is not None and carried.label == cause.label):
        return ""
    if carried.passed:
        return f"By interchange, of all labels, the output {_followed(carried)}."
    return (
        "Interchange shows no label that the channel carries into the output; the "
        f"nearest is '{carried.label}' (r {effect(carried.r)})."
    )


def _followed(cause: ChannelCause) -> str:
    if np.isnan(cause.low):
        return (
            f"does not follow the difference of '{cause.label}': it stays the same "
            "whatever the channel's map"
        )
    interval = between(cause.low, cause.high, effect, games=cause.games)
    # A direction is told only where the interval has one.
    if cause.low <= 0 <= cause.high:
        return (
            f"does not detectably follow the difference of '{cause.label}' "
            f"(r {effect(cause.r)} {interval})"
        )
    way = "raises" if cause.r > 0 else "lowers"
    return (
        f"follows the difference of '{cause.label}' with r {effect(cause.r)} "
        f"{interval}: more of it {way} the output"
    )


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


def why_it_is_no_name(
    label: NamedLabel, found: ChannelLabels, name: ChannelName
) -> str:
    """Say why a label that fulfils every criterion is not the name."""
    if found.note:
        return f"holds, but {found.note}"
    if found.is_named:
        return f"holds too, but '{name}' describes the channel better"
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
            f"its rank correlation {compact(strength)} is below "
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
        yield from filter(None, [carried_line(report)])
        return
    yield verdict(report)
    for label in report.labels.labels[:1]:
        if label.share is not None:
            yield squares_line(label)
        chance = "" if np.isnan(label.q) else f"q {compact(label.q)}. "
        yield f"{chance}{' '.join(cause_lines(report))}"
    if report.rule is not None:
        way = "High" if report.rule.sign > 0 else "Low"
        yield f"{way} on {report.rule.sentence}. {rule_line(report.rule)}"
    yield from filter(None, [carried_line(report)])
    if report.runners_up:
        yield "Runners-up:" if report.name.is_named else "Labels that failed:"
        yield from (_runner_up(each) for each in report.runners_up)
    yield from filter(None, [random_line(report)])


def _runner_up(each: "RunnerUp") -> str:
    size = "" if each.effect is None else f", effect {effect(each.effect)}"
    return f"- '{each.label}' ({each.measure}{size}): {each.reason}."
