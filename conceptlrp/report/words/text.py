"""A channel report as text: what one would read out, section by section."""

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from conceptlrp.report.words.channel import (
    ablation_lines,
    alike_lines,
    amount_lines,
    board_lines,
    cluster_lines,
    move_lines,
    phase_lines,
    wiring_lines,
)
from conceptlrp.report.words.labels import label_lines
from conceptlrp.report.words.location import location_lines
from conceptlrp.report.words.numbers import visible

if TYPE_CHECKING:
    from conceptlrp.report.channel import ChannelReport

_WIDTH, _INDENT = 80, 12


def report_text(report: "ChannelReport") -> str:
    """Write a report for a terminal, in lines of 80 characters at most."""
    title = f"{report.layer}, channel {report.channel}: {report.name}"
    parts = ["\n".join(textwrap.wrap(visible(title), _WIDTH)), ""]
    for heading, lines in report_sections(report):
        parts.extend(_section(heading, lines))
    return "\n".join(parts) + "\n"


def report_sections(report: "ChannelReport") -> Iterator[tuple[str, list[str]]]:
    """Yield the sections that have something to say: heading and lines."""
    for heading, write in _SECTIONS:
        if lines := list(write(report)):
            yield heading, lines


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


def _note_lines(report: "ChannelReport") -> Iterator[str]:
    note = report.note
    if note is None:
        return
    yield from (line for line in note.text.splitlines() if line.strip())
    if note.evidence:
        yield f"Evidence: {note.evidence}"
    signed = ", ".join(part for part in (note.author, note.date) if part)
    if signed:
        yield f"({signed})"


def _source_lines(report: "ChannelReport") -> Iterator[str]:
    return (f"{name}: {value}" for name, value in report.provenance)


_SECTIONS: "tuple[tuple[str, Callable[[ChannelReport], Iterator[str]]], ...]" = (
    ("how much", amount_lines),
    ("where", location_lines),
    ("when", phase_lines),
    ("moves", move_lines),
    ("boards", board_lines),
    ("labels", label_lines),
    ("ablation", ablation_lines),
    ("wiring", wiring_lines),
    ("alike", alike_lines),
    ("clusters", cluster_lines),
    ("note", _note_lines),
    ("mind", lambda report: iter(report.warnings)),
    ("missing", lambda report: iter(report.missing)),
    ("from", _source_lines),
    ("cite", lambda report: iter((report.citation,))),
)
