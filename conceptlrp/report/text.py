"""A channel report as text: what one would read out, section by section.

Shapes use n x n squares.
"""

import textwrap
from collections.abc import Callable, Iterator

from conceptlrp.othello import BLACK
from conceptlrp.reference import ReferenceBoard
from conceptlrp.report.ablation_text import ablation_lines
from conceptlrp.report.channel import ChannelReport
from conceptlrp.report.label_text import label_lines
from conceptlrp.report.location_text import location_lines
from conceptlrp.report.surroundings import Edge
from conceptlrp.report.wording import (
    compact,
    effect,
    percent,
    plural,
    signed_percent,
    visible,
)

__all__ = ["report_text"]

_WIDTH, _INDENT = 88, 12
_BOARDS = 3
# A mean share below this part of its magnitude leans to no side.
_LEANING = 0.2
# Phases that differ by less are alike; those with fewer positions say little.
_DIFFERENT, _FULL = 1.25, 30
# How many times the usual magnitude a move has to have.
_STANDING_OUT = 1.5


def report_text(report: ChannelReport) -> str:
    """Write a report for a terminal.

    Returns: Sections of lines of 88 characters at most, with a line break at the end.
    """
    title = f"{report.layer}, channel {report.channel}: {report.name}"
    parts = ["\n".join(textwrap.wrap(visible(title), _WIDTH)), ""]
    for heading, lines in _SECTIONS:
        parts.extend(_section(heading, list(lines(report))))
    return "\n".join(parts) + "\n"


def _section(heading: str, lines: list[str]) -> Iterator[str]:
    """Put the heading of a section beside its first line."""
    indent = " " * _INDENT
    for place, line in enumerate(lines):
        start = f"{heading:<{_INDENT}}" if place == 0 else indent
        yield textwrap.fill(
            visible(line),
            _WIDTH,
            initial_indent=start,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )


def _amount_lines(report: ChannelReport) -> Iterator[str]:
    found = report.statistics
    positions = plural(found.positions, "position")
    if found.dead:
        yield f"Dead: active on none of {positions}."
        return
    yield (
        f"It has {percent(found.magnitude)} of the layer's relevance towards "
        f"'{report.target}' (mean magnitude of its share), rank {found.rank} of "
        f"{report.channels}. It is active on {percent(found.active)} of {positions} "
        f"and relevant on {percent(found.relevant)}."
    )
    if found.relevant:
        yield f"{_leaning(report)} {_spread(report)}"


def _leaning(report: ChannelReport) -> str:
    found = report.statistics
    mean = f"mean share {signed_percent(found.mean_share)}"
    if abs(found.mean_share) < _LEANING * found.magnitude:
        return f"It speaks for the output about as much as against it ({mean})."
    side = "for" if found.mean_share > 0 else "against"
    return f"On the whole it speaks {side} the output ({mean})."


def _spread(report: ChannelReport) -> str:
    at = {level: signed_percent(v) for level, v in report.statistics.share_quantiles}
    return (
        f"Half of the positions have a share between {at[0.25]} and {at[0.75]}, all "
        f"between {at[0.0]} and {at[1.0]}."
    )


def _phase_lines(report: ChannelReport) -> Iterator[str]:
    if not report.statistics.relevant:
        return
    known = [
        (each.magnitude, f"moves {each.first + 1} to {each.last + 1}")
        for each in report.phases
        if each.magnitude is not None and each.positions >= _FULL
    ]
    if len(known) < 2:
        return
    (least, least_when), (most, most_when) = min(known), max(known)
    if most < _DIFFERENT * least:
        yield (
            f"About equally through the game: {percent(least)} to {percent(most)} of "
            "the layer's relevance in every ten moves."
        )
        return
    yield (
        f"Most in {most_when} ({percent(most)} of the layer's relevance), least in "
        f"{least_when} ({percent(least)})."
    )


def _move_lines(report: ChannelReport) -> Iterator[str]:
    """Name the explained moves where the channel has far more than on average."""
    usual = report.statistics.magnitude
    found = [
        f"{each.move} ({percent(each.magnitude)}, mean "
        f"{signed_percent(each.mean_share)}, {plural(each.positions, 'position')})"
        for each in report.moves
        if each.magnitude >= _STANDING_OUT * usual
    ]
    if found:
        moves = _listed(found)
        yield f"Far above its {percent(usual)} where the explained move is {moves}."
    elif report.moves:
        yield "No explained move stands out."


def _listed(parts: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _board_lines(report: ChannelReport) -> Iterator[str]:
    for name, title, write in (
        ("relevant", "Most relevant", signed_percent),
        ("opposed", "Most opposed", signed_percent),
        ("active", "Most active", compact),
    ):
        boards = report.strips[name].boards[:_BOARDS]
        if boards:
            yield f"{title}:"
            yield from (_board(board, write) for board in boards)


def _board(board: ReferenceBoard, write: Callable[[float], str]) -> str:
    side = "black" if board.position.mover == BLACK else "white"
    move = {"": "to move", "pa": "passes"}.get(board.played, f"plays {board.played}")
    return (
        f"- {write(board.score)} {board.description}: {side} {move} (row {board.row})"
    )


def _wiring_lines(report: ChannelReport) -> Iterator[str]:
    if report.upstream:
        yield f"It draws most on {_edges(report.upstream)}."
    if report.downstream:
        yield f"It is drawn on most by {_edges(report.downstream)}."


def _edges(edges: tuple[Edge, ...]) -> str:
    return ", ".join(
        f"{edge.layer}:{edge.channel} ({percent(edge.share)})" for edge in edges
    )


def _alike_lines(report: ChannelReport) -> Iterator[str]:
    pairs = [f"{n.channel} ({effect(n.cosine)})" for n in report.nearest[:3]]
    if pairs and report.statistics.relevant:
        yield f"Its share goes along most with channels {', '.join(pairs)} (cosine)."


def _cluster_lines(report: ChannelReport) -> Iterator[str]:
    for amount, sign in (("more", 1), ("less", -1)):
        marked = [each for each in report.clusters if sign * each.effect > 0]
        named = [
            f"{each.cluster} ({plural(each.positions, 'position')}, effect size "
            f"{effect(each.effect)})"
            for each in marked
        ]
        if named:
            yield f"It marks clusters that have {amount} of it: {', '.join(named)}."


def _note_lines(report: ChannelReport) -> Iterator[str]:
    note = report.note
    if note is None:
        return
    yield from (line for line in note.text.splitlines() if line.strip())
    if note.evidence:
        yield f"Evidence: {note.evidence}"
    signed = ", ".join(part for part in (note.author, note.date) if part)
    if signed:
        yield f"({signed})"


def _source_lines(report: ChannelReport) -> Iterator[str]:
    return (f"{name}: {value}" for name, value in report.provenance)


_SECTIONS: tuple[tuple[str, Callable[[ChannelReport], Iterator[str]]], ...] = (
    ("how much", _amount_lines),
    ("where", location_lines),
    ("when", _phase_lines),
    ("moves", _move_lines),
    ("boards", _board_lines),
    ("labels", label_lines),
    ("ablation", ablation_lines),
    ("wiring", _wiring_lines),
    ("alike", _alike_lines),
    ("clusters", _cluster_lines),
    ("note", _note_lines),
    ("mind", lambda report: iter(report.warnings)),
    ("missing", lambda report: iter(report.missing)),
    ("from", _source_lines),
    ("cite", lambda report: iter((report.citation,))),
)
