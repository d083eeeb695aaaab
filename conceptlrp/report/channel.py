"""The report of a channel: everything that a store holds about it.

Shapes use n x n squares.
"""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import plain
from conceptlrp.labelling import ChannelLabels, Evidence, Rule
from conceptlrp.labelling.channel_name import ACTIVATION, UNNAMED, ChannelName
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report.findings import (
    ChannelEffect,
    MarkedCluster,
    Neighbour,
    RunnerUp,
    WiredChannel,
)
from conceptlrp.report.notes import Note
from conceptlrp.report.statistics import (
    ChannelStatistics,
    MoveStatistics,
    PhaseStatistics,
)
from conceptlrp.report.stored_layer import Region
from conceptlrp.report.words.channel import (
    ablation_lines,
    alike_lines,
    amount_lines,
    board_lines,
    cluster_lines,
    location_lines,
    move_lines,
    phase_lines,
    wiring_lines,
)
from conceptlrp.report.words.labels import label_lines
from conceptlrp.report.words.numbers import visible

#: Strips of boards, in the order in which they are shown.
STRIPS = ("relevant", "opposed", "active", "quantiles", "random")

_WIDTH, _INDENT = 80, 12
_ENCODING = {"encoding-type": "conceptlrp-channel-report", "encoding-version": "1"}


def first_strip(name: ChannelName) -> str:
    """Find the strip of boards that a name is about; the most relevant without one."""
    if name.by == ACTIVATION and name.is_named:
        return "inactive" if name.lowest else "active"
    return "opposed" if name.lowest else "relevant"


@dataclass(frozen=True, eq=False)
class ChannelReport:
    """Everything known of a channel.

    Attributes
    ----------
    layer, channel, channels : str, int, int
        The channel, and how many the layer has.
    target, unit : str
        The explained output, and the unit of relevance.
    name : ChannelName
        The label that the channel was found to have, with its sign, or "unnamed".
    evidence : Evidence
        What speaks for the name, and what does not.
    note : Note or None
        What somebody wrote about it; never a substitute for the name.
    statistics, phases : ChannelStatistics, tuple of PhaseStatistics
        How much and how often, over all and for every ten plies.
    moves : tuple of MoveStatistics
        The explained moves, those first where it has the largest part, of those that
        are explained on ten positions or more; none for the value.
    strips : mapping of str to ReferenceBoards
        By each of "relevant", "opposed", "active", "quantiles" and "random"; boards
        are described when they are first looked at. Boards whose score has the
        wrong sign or is zero do not stand for a channel, so the first three can be
        short or empty.
    mean_positive, mean_negative : float array of shape (n, n) or None
        Mean of the positive and of the negative part of the conditional heatmaps.
    maps_of : str
        What these are means of: "positions" (all), "references" (the most relevant
        boards), or "" where there are none.
    regions : mapping of str to Region or None
        What lies on "own" and "opponent" discs and on "empty" squares, and on
        "legal" ones among these; None without heatmaps.
    labels : ChannelLabels or None
        Labels that were found to hold; None where none were looked for.
    runners_up : tuple of RunnerUp
        The best labels that failed.
    random_labelled, exchanged_labelled : float or None
        The part of the channels that get a label in a network with random weights, and
        with the network's numbers exchanged between positions of the same ply.
    effects : ChannelEffect or None
        What ablating the channel does.
    upstream, downstream : tuple of WiredChannel
        Channels of the layers before that it draws on most, and of those after that
        draw on it most.
    nearest : tuple of Neighbour
        Channels of the layer whose shares are most alike over all positions.
    clusters : tuple of MarkedCluster
        Clusters of positions that it marks.
    warnings, missing : tuple of str
        What to keep in mind, and what the store does not hold, a sentence each.
    provenance, citation : tuple of pairs of str, str
        Where the numbers come from, and a line to cite.
    baseline : str
        What relevance is above, in words.
    rule : Rule or None
        The rule in squares that its map follows best.
    """

    layer: str
    channel: int
    channels: int
    target: str
    unit: str
    name: ChannelName
    evidence: Evidence
    note: Note | None
    statistics: ChannelStatistics
    phases: tuple[PhaseStatistics, ...]
    moves: tuple[MoveStatistics, ...]
    strips: Mapping[str, ReferenceBoards]
    mean_positive: NDArray[np.float64] | None
    mean_negative: NDArray[np.float64] | None
    maps_of: str
    regions: Mapping[str, Region] | None
    labels: ChannelLabels | None
    runners_up: tuple[RunnerUp, ...]
    random_labelled: float | None
    exchanged_labelled: float | None
    effects: ChannelEffect | None
    upstream: tuple[WiredChannel, ...]
    downstream: tuple[WiredChannel, ...]
    nearest: tuple[Neighbour, ...]
    clusters: tuple[MarkedCluster, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    citation: str
    baseline: str = "zero"
    rule: Rule | None = None

    @property
    def above(self) -> str:
        """What its relevance is above, to be said after "relevance"; "" for zero."""
        return "" if self.baseline == "zero" else f" above {self.baseline}"

    @property
    def badge(self) -> str:
        """The levels of evidence of its name, "" for none."""
        return self.evidence.badge if self.name.is_named else ""

    @property
    def shown(self) -> tuple[str, ...]:
        """Its strips of boards, first that of the quantity that its name is about."""
        first = first_strip(self.name)
        first = first if first in self.strips else "relevant"
        return (first, *(each for each in STRIPS if each != first))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for strict JSON: nan as None."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        strips = {name: boards.to_dict() for name, boards in self.strips.items()}
        name = {"name": self.name.text, "sign": self.name.sign}
        name |= {"badge": self.badge, "quantity": self.name.quantity}
        content: dict[str, Any] = plain(
            {**_ENCODING, **found, **name, "strips": strips}
        )
        return content

    def text(self) -> str:
        """Return the report for a terminal, in lines of 80 characters."""
        badge = f" ({self.badge})" if self.badge else ""
        title = f"{self.layer}, channel {self.channel}: {self.name}{badge}"
        parts = ["\n".join(textwrap.wrap(visible(title), _WIDTH)), ""]
        for heading, lines in _sections(self):
            parts.extend(_section(heading, lines))
        return "\n".join(parts) + "\n"

    @property
    def line(self) -> "ChannelLine":
        """What fits a line of a table."""
        known, effects = self.statistics, self.effects
        return ChannelLine(
            channel=self.channel,
            name=self.name.text,
            badge=self.badge,
            quantity=self.name.quantity,
            score=self._score,
            magnitude=known.magnitude,
            mean_share=known.mean_share,
            rank=known.rank,
            active=known.active,
            relevant=known.relevant,
            phase=self._phase,
            effect=None if effects is None else effects.size,
            beats_control=effects is not None and effects.beats_control,
            dead=known.dead,
            note="" if self.note is None else self.note.text,
        )

    @property
    def _score(self) -> float | None:
        for label in () if self.labels is None else self.labels.labels:
            if label.label == self.name.label and isfinite(label.held_out):
                return label.held_out
        return None

    @property
    def _phase(self) -> int | None:
        magnitudes = [phase.magnitude or 0.0 for phase in self.phases]
        return int(np.argmax(magnitudes)) if any(magnitudes) else None

    def __repr__(self) -> str:
        place = f"{self.layer}:{self.channel}"
        return f"ChannelReport({place}, {self.name.text!r}, target={self.target!r})"

    def _repr_html_(self) -> str:
        title = f"{self.layer}, channel {self.channel}: {self.name}"
        rows = [(name, " ".join(lines)) for name, lines in _sections(self)]
        pictures = "".join(
            boards._repr_html_()
            for name, boards in self.strips.items()
            if name == self.shown[0] and len(boards)
        )
        return html_table(title, (), rows) + pictures


@dataclass(frozen=True)
class ChannelLine:
    """A channel in one line, as the index, the page of the layer and tables have it."""

    channel: int
    name: str
    score: float | None
    magnitude: float
    mean_share: float
    rank: int
    active: float
    relevant: float
    phase: int | None
    effect: float | None
    beats_control: bool
    dead: bool
    note: str
    badge: str = ""
    quantity: str = ""

    @property
    def named(self) -> bool:
        """Whether a label describes it."""
        return self.name != UNNAMED


def _sections(report: ChannelReport) -> Iterator[tuple[str, list[str]]]:
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


def _evidence_lines(report: ChannelReport) -> Iterator[str]:
    if report.name.is_named or report.labels is not None:
        yield from report.evidence.lines


_SECTIONS: tuple[tuple[str, Callable[[ChannelReport], Iterator[str]]], ...] = (
    ("evidence", _evidence_lines),
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
    ("from", lambda report: (f"{name}: {v}" for name, v in report.provenance)),
    ("cite", lambda report: iter((report.citation,))),
)
