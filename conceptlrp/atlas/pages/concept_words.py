"""What a concept page says first: a name, and a sentence or two on the channel.

Shapes use n x n squares.
"""

from collections.abc import Iterator

from conceptlrp.labelling import NamedLabel
from conceptlrp.labels import LABELS
from conceptlrp.report import ChannelReport
from conceptlrp.report.label_wording import mapped_quantity, when
from conceptlrp.report.wording import compact, effect, percent, plural

__all__ = ["heading", "label_size", "meaning", "role", "verdict"]

# A mean share below this part of its magnitude leans to no side.
_LEANING = 0.2
# Relevance on one kind of squares, or in one phase, beyond its even part by this
# factor is worth a word; phases of fewer positions say little.
_CONCENTRATED, _FULL = 1.25, 30
_KINDS = {
    "own": "discs of the side to move",
    "opponent": "the opponent's discs",
    "empty": "empty squares",
}


def heading(report: ChannelReport) -> str:
    """Title of the page: the name, "Unnamed" as a result, or the channel.

    Returns: a few words.
    """
    if report.statistics.dead:
        return "Dead channel"
    if report.labels is None:
        return f"Channel {report.channel}"
    return report.name.title


def meaning(label: str) -> str:
    """Say in players' words what a label means, or nothing.

    Examples
    --------
    >>> meaning("mobility"), meaning("random: mobility")
    ('how many moves the side to move has', '')
    """
    return LABELS[label].sentence if label in LABELS else ""


def verdict(report: ChannelReport) -> str:
    """Say in a sentence what the channel was found to be.

    Returns: Empty where no labels were tried.
    """
    if report.labels is None or report.statistics.dead:
        return ""
    if report.name.is_named:
        return f"{_named(report.labels.labels[0])}{_caused(report)}."
    if report.labels.labels:
        best = report.labels.labels[0].label
        rivals = ", ".join(f"'{each}'" for each in report.labels.rivals[:3])
        ahead = f" of {rivals}" if rivals else ""
        return f"'{best}' holds, but is not clearly ahead{ahead}, so it has no name."
    if report.runners_up:
        near = report.runners_up[0]
        return f"No label describes it. The nearest is '{near.label}': {near.reason}."
    return "No label describes it."


def _named(label: NamedLabel) -> str:
    sentence = meaning(label.label)
    meant = f" ({sentence})" if sentence else ""
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
    elif label.auroc is None:
        where = f"Its {label.measure} is {way} the more of '{label.label}'{meant}"
    else:
        where = f"Its {label.measure} is {way} where '{label.label}' holds{meant}"
    return f"{where}: {label_size(label)}; random networks reach {_size(label.random)}"


def _caused(report: ChannelReport) -> str:
    if report.cause is None:
        return ""
    ratio = compact(report.cause.check.ratio)
    labels = () if report.labels is None else report.labels.labels
    state = when(labels[0]) if labels else "holds"
    if report.cause.check.passed:
        return f"; where it {state}, ablation does {ratio} times as much"
    return f"; but where it {state}, ablation does only {ratio} times as much"


def label_size(label: NamedLabel) -> str:
    """Write the held-out effect of a label with its interval.

    Returns: as "AUROC 0.91, effect +0.82 [+0.78, +0.86] on games held out".
    """
    auroc = "" if label.auroc is None else f"AUROC {label.auroc:.2f}, "
    kind = "rank correlation" if label.auroc is None else "effect"
    interval = f"[{effect(label.low)}, {effect(label.high)}]"
    return f"{auroc}{kind} {effect(label.held_out)} {interval} on games held out"


def _size(value: float) -> str:
    return compact(round(value, 2))


def role(report: ChannelReport) -> str:
    """Say in a sentence how much the channel carries, for what, where and when.

    Returns: a sentence.
    """
    found = report.statistics
    positions = plural(found.positions, "position")
    if found.dead:
        return f"Its activation is zero at all {positions}: nothing passes through it."
    if not found.relevant:
        return (
            f"It is active on {percent(found.active)} of {positions}, and the output "
            "never draws on it."
        )
    carries = (
        f"It carries {percent(found.magnitude)} of the relevance of {report.layer} "
        f"(rank {found.rank} of {report.channels})"
    )
    return f"{', '.join([carries, _leaning(report), *_places(report)])}."


def _leaning(report: ChannelReport) -> str:
    found = report.statistics
    if abs(found.mean_share) < _LEANING * found.magnitude:
        return "for the output about as often as against it"
    return f"mostly {'for' if found.mean_share > 0 else 'against'} the output"


def _places(report: ChannelReport) -> Iterator[str]:
    regions = (report.regions or {}).items()
    known_kinds = [
        (each.relevance / each.squares, each, _KINDS[name])
        for name, each in regions
        if name in _KINDS and each.squares > 0
    ]
    factor, found, kind = max(known_kinds, default=(0.0, None, ""), key=lambda x: x[0])
    if found is not None and factor >= _CONCENTRATED:
        part, even = percent(found.relevance), percent(found.squares)
        yield f"through {kind} more than elsewhere ({part} on {even} of the squares)"
    known = [
        (each.magnitude, each.first)
        for each in report.phases
        if each.magnitude is not None and each.positions >= _FULL
    ]
    if len(known) < 2:
        return
    (least, _), (most, first) = min(known), max(known)
    if most < _CONCENTRATED * least:
        yield "all through the game"
    else:
        yield f"above all in moves {first + 1} to {first + 10}"
