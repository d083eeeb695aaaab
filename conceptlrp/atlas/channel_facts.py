"""What the pages of all channels together say of each: a line of a table.

Shapes use C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from conceptlrp.labelling.channel_labels import UNNAMED
from conceptlrp.report import ChannelReport

__all__ = ["ChannelFact", "LabelCount", "channel_fact", "label_counts"]


@dataclass(frozen=True)
class ChannelFact:
    """A channel in one line.

    Attributes
    ----------
    channel : int
        Its number.
    name : str
        Its label with its sign, or "unnamed".
    score : float or None
        Held-out effect of that label, from -1 to 1.
    magnitude, mean_share : float
        Mean magnitude of the share of the layer's relevance, and mean share.
    rank : int
        Place by magnitude, 1 being the largest.
    active, relevant : float
        Part of the positions where it is active, where the output uses it.
    phase : int or None
        Ten plies in which its magnitude is largest, 0 being the first ten.
    effect : float or None
        Mean magnitude of the change of the explained output without it.
    beats_control : bool
        Whether that is more than an equal change elsewhere does.
    dead : bool
        Whether it is active nowhere.
    note : str
        What somebody wrote about it.
    """

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

    @property
    def named(self) -> bool:
        """Whether a label explains it."""
        return self.name != UNNAMED


@dataclass(frozen=True)
class LabelCount:
    """How many channels have a label as their name.

    Attributes
    ----------
    name : str
        The label.
    channels : tuple of int
        The channels, best score first.
    best : float
        The score of the first.
    """

    name: str
    channels: tuple[int, ...]
    best: float


def channel_fact(report: ChannelReport) -> ChannelFact:
    """Sum up what is known of a channel.

    Returns: what fits a line.
    """
    known, effects = report.statistics, report.effects
    return ChannelFact(
        channel=report.channel,
        name=report.name.text,
        score=_score(report),
        magnitude=known.magnitude,
        mean_share=known.mean_share,
        rank=known.rank,
        active=known.active,
        relevant=known.relevant,
        phase=_phase(report),
        effect=None if effects is None else effects.size,
        beats_control=effects is not None and effects.beats_control,
        dead=known.dead,
        note="" if report.note is None else report.note.text,
    )


def label_counts(facts: Sequence[ChannelFact]) -> tuple[LabelCount, ...]:
    """Count the channels of each name.

    Returns: the most frequent first.
    """
    by_name: dict[str, list[ChannelFact]] = {}
    for fact in facts:
        if fact.named:
            by_name.setdefault(fact.name, []).append(fact)
    counts = []
    for name, found in by_name.items():
        found.sort(key=lambda each: -abs(each.score or 0))
        channels = tuple(each.channel for each in found)
        counts.append(LabelCount(name, channels, found[0].score or 0.0))
    return tuple(sorted(counts, key=lambda each: (-len(each.channels), each.name)))


def _score(report: ChannelReport) -> float | None:
    if report.labels is None:
        return None
    for label in report.labels.labels:
        if label.label == report.name.label and isfinite(label.held_out):
            return label.held_out
    return None


def _phase(report: ChannelReport) -> int | None:
    magnitudes = [phase.magnitude or 0.0 for phase in report.phases]
    return int(np.argmax(magnitudes)) if any(magnitudes) else None
