"""What a channel was found to be, in words, and what it was found not to be."""

from collections.abc import Iterator

from conceptlrp.labelling import ChannelCause, NamedLabel
from conceptlrp.labels import LABELS
from conceptlrp.report.channel import ChannelReport
from conceptlrp.report.label_wording import mapped_quantity, when
from conceptlrp.report.runner_up import RunnerUp
from conceptlrp.report.wording import compact, effect, percent

__all__ = ["label_lines"]


def label_lines(report: ChannelReport) -> Iterator[str]:
    """Say which labels a channel has, and why others failed.

    Yields: Sentences.
    """
    if report.labels is None:
        return
    if not report.name.is_named and not report.labels.labels:
        yield "Unnamed: no label fulfils all criteria."
    elif not report.name.is_named:
        yield "Unnamed: no label that holds leads the others clearly."
    else:
        yield from _named(report.labels.labels[0], report)
    if report.runners_up:
        yield "Labels that failed:" if not report.name.is_named else "Runners-up:"
        yield from (_runner_up(each) for each in report.runners_up)
    if report.random_labelled is not None:
        yield (
            f"A network with random weights gets a label on "
            f"{percent(report.random_labelled)} of the channels of {report.layer}."
        )


def _named(label: NamedLabel, report: ChannelReport) -> Iterator[str]:
    sentence = LABELS[label.label].sentence if label.label in LABELS else ""
    meaning = f" ({sentence})" if sentence else ""
    lower = f", being lower where it {when(label)}" if label.effect < 0 else ""
    how = f"by its {label.measure}{lower}"
    yield f"Named '{report.name}'{meaning} {how}: {_size(label)}."
    if label.share is not None:
        yield (
            f"{percent(label.share)} of its {mapped_quantity(label)} lies on the "
            f"label's squares (overlap {compact(label.iou or 0)}, AUROC within boards "
            f"{compact(label.within_board or 0)})."
        )
    if report.cause is not None:
        yield _cause(report.cause, when(label))


def _size(label: NamedLabel) -> str:
    kind = "rank correlation" if label.auroc is None else "effect"
    auroc = "" if label.auroc is None else f"AUROC {label.auroc:.2f}, "
    return (
        f"{auroc}{kind} {effect(label.held_out)} [{effect(label.low)}, "
        f"{effect(label.high)}] on games held out, q {compact(label.q)}; networks with "
        f"random weights reach {effect(label.random)}"
    )


def _cause(cause: ChannelCause, when: str) -> str:
    check = cause.check
    verdict = "passes" if check.passed else "does not pass"
    return (
        f"Ablating the channel changes the output by {compact(check.with_label)} where "
        f"'{cause.label}' {when} and by {compact(check.without_label)} elsewhere: "
        f"ratio {compact(check.ratio)} [{compact(check.low)}, {compact(check.high)}], "
        f"which {verdict} the causal check."
    )


def _runner_up(each: RunnerUp) -> str:
    size = "" if each.effect is None else f", effect {effect(each.effect)}"
    return f"- '{each.label}' ({each.measure}{size}): {each.reason}."
