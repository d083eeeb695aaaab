"""The report of a channel: everything that a store holds about it.

Shapes use n x n squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling import ChannelCause, ChannelLabels
from conceptlrp.labelling.channel_name import ChannelName
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.mean_maps import Region
from conceptlrp.report.note import Note
from conceptlrp.report.plain import plain
from conceptlrp.report.runner_up import RunnerUp
from conceptlrp.report.statistics import (
    ChannelStatistics,
    MoveStatistics,
    PhaseStatistics,
)
from conceptlrp.report.surroundings import Edge, MarkedCluster, Neighbour

#: Strips of boards, in the order in which they are shown.
STRIPS = ("relevant", "opposed", "active", "quantiles", "random")

_ENCODING = {"encoding-type": "conceptlrp-channel-report", "encoding-version": "1"}


@dataclass(frozen=True, eq=False)
class ChannelReport:
    """Everything known of a channel.

    Attributes
    ----------
    layer, channel : str, int
        The channel.
    channels : int
        How many the layer has.
    target, unit : str
        The explained output, and the unit of relevance.
    name : ChannelName
        The label that the channel was found to have, with its sign, or "unnamed".
    note : Note or None
        What somebody wrote about it; never a substitute for the name.
    statistics : ChannelStatistics
        How much and how often.
    phases : tuple of PhaseStatistics
        The same for every ten plies.
    moves : tuple of MoveStatistics
        The explained moves where it has the largest part, largest first, of those
        that are explained on ten positions or more; none for the value.
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
    cause : ChannelCause or None
        What ablating the channel does where its best label holds, and elsewhere.
    runners_up : tuple of RunnerUp
        The best labels that failed.
    random_labelled : float or None
        Part of the channels of a network with random weights that get a label.
    effects : ChannelEffect or None
        What ablating the channel does.
    upstream : tuple of Edge
        Channels of the layers before that it draws on most.
    downstream : tuple of Edge
        Channels of the layers after that draw on it most.
    nearest : tuple of Neighbour
        Channels of the layer whose share goes along most.
    clusters : tuple of MarkedCluster
        Clusters of positions that it marks.
    warnings : tuple of str
        What to keep in mind, a sentence each.
    missing : tuple of str
        What the store does not hold, and how to add it, a sentence each.
    provenance : tuple of pairs of str
        Where the numbers come from.
    citation : str
        A line to cite.
    """

    layer: str
    channel: int
    channels: int
    target: str
    unit: str
    name: ChannelName
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
    cause: ChannelCause | None
    runners_up: tuple[RunnerUp, ...]
    random_labelled: float | None
    effects: ChannelEffect | None
    upstream: tuple[Edge, ...]
    downstream: tuple[Edge, ...]
    nearest: tuple[Neighbour, ...]
    clusters: tuple[MarkedCluster, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    citation: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for strict JSON.

        Returns
        -------
        dict
            Attributes by name; what is not a number is None.
        """
        found = {each.name: plain(getattr(self, each.name)) for each in fields(self)}
        sign = {"name": self.name.text, "sign": self.name.sign}
        return {**_ENCODING, **found, **sign}

    def text(self) -> str:
        """Return the report as one would read it out, in lines of 88 characters.

        Returns
        -------
        str
            Whatever names and notes hold, without control characters.
        """
        from conceptlrp.report.text import report_text

        return report_text(self)
