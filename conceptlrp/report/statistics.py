"""A channel in numbers: how much, how often, when.

Shapes use N positions and C channels. The share of a channel at a position is its
relevance over the sum of the magnitudes over the layer's channels. Columns are read
some channels at a time, so that memory does not grow with C.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import square_name
from conceptlrp.reference.strips import quantile_rows
from conceptlrp.report.layer_statistics import PHASE_PLIES, LayerStatistics
from conceptlrp.store import Store

# Numbers of a group of columns, and columns that lie in one chunk of a store.
_GROUP = 1 << 22
_CHUNK = 4
_BINS = 48
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# Moves that are named, and positions that make a mean worth naming.
_MOVES, _FEW_POSITIONS = 5, 10

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Histogram:
    """How many numbers lie between ascending edges; exact zeros are counted apart."""

    counts: tuple[int, ...]
    edges: tuple[float, ...]
    zeros: int


@dataclass(frozen=True)
class ChannelStatistics:
    """A channel over all positions.

    `magnitude` is the mean magnitude of the share; `rank` 1 the largest; `active` and
    `relevant` are parts of the positions. Quantiles are shares of positions, not
    interpolated. Histograms are of sums over the board.
    """

    positions: int
    magnitude: float
    rank: int
    mean_share: float
    active: float
    relevant: float
    dead: bool
    share_quantiles: tuple[tuple[float, float], ...]
    relevance: Histogram
    activation: Histogram


@dataclass(frozen=True)
class PhaseStatistics:
    """A channel on the positions after `first` to `last` moves; None without any."""

    first: int
    last: int
    positions: int
    magnitude: float | None
    active: float | None


@dataclass(frozen=True)
class MoveStatistics:
    """A channel on the positions where one move, or "pa" for a pass, is explained."""

    move: str
    positions: int
    magnitude: float
    mean_share: float


@dataclass(frozen=True, eq=False)
class Column:
    """One channel at every position: sums over the board, and its share; (N,)."""

    channel: int
    relevance: Numbers
    share: Numbers
    activation: Numbers


def read_columns(
    store: Store, layer: str, channels: Sequence[int], *, target: int | str = 0
) -> Iterator[list[Column]]:
    """Read columns, as many at a time as fit in 100 MB."""
    width = max(_CHUNK, _GROUP // max(len(store), 1) // _CHUNK * _CHUNK)
    for start in range(0, len(channels), width):
        chosen = np.asarray(channels[start : start + width])
        relevance = store.arrays.relevance(layer, channels=chosen, target=target)
        share = store.arrays.share(layer, channels=chosen, target=target)
        activation = store.arrays.activation(layer, channels=chosen)
        yield [
            Column(channel, *(_column(t, i) for t in (relevance, share, activation)))
            for i, channel in enumerate(chosen.tolist())
        ]


def channel_statistics(column: Column, layer: LayerStatistics) -> ChannelStatistics:
    """Sum a channel up."""
    channel = column.channel
    levels = quantile_rows(column.share, _QUANTILES).scores.tolist()
    return ChannelStatistics(
        positions=layer.positions,
        magnitude=float(layer.magnitude[channel]),
        rank=int(layer.ranks[channel]) + 1,
        mean_share=float(layer.mean_share[channel]),
        active=float(layer.active[channel]),
        relevant=float(layer.relevant[channel]),
        dead=bool(layer.active[channel] == 0),
        share_quantiles=tuple(zip(_QUANTILES, levels, strict=True)),
        relevance=histogram(column.relevance),
        activation=histogram(column.activation),
    )


def histogram(values: NDArray[np.floating]) -> Histogram:
    """Count numbers in bins of one width, zeros apart.

    Shapes: `values` (N,). Returns: of 48 bins from the smallest to the largest number
    that is not zero.

    Examples
    --------
    >>> found = histogram(np.array([0.0, 1.0, 1.0, 3.0]))
    >>> found.zeros, found.counts[0], found.counts[-1], found.edges[-1]
    (1, 2, 1, 3.0)
    """
    # In single precision, edges between numbers that hardly differ would coincide.
    shown = values[values != 0].astype(np.float64)
    zeros = len(values) - len(shown)
    if not len(shown):
        return Histogram((), (), zeros)
    counts, edges = np.histogram(shown, bins=_BINS)
    return Histogram(tuple(counts.tolist()), tuple(edges.tolist()), zeros)


def _column(table: Numbers, place: int) -> Numbers:
    return np.ascontiguousarray(table[:, place])


def phase_statistics(
    layer: LayerStatistics, channel: int
) -> tuple[PhaseStatistics, ...]:
    """Return the statistics of a channel for every ten plies."""
    return tuple(
        PhaseStatistics(
            first=number * PHASE_PLIES,
            last=(number + 1) * PHASE_PLIES - 1,
            positions=size,
            magnitude=float(layer.phase_magnitude[number, channel]) if size else None,
            active=float(layer.phase_active[number, channel]) if size else None,
        )
        for number, size in enumerate(layer.phase_sizes.tolist())
    )


def move_statistics(
    layer: LayerStatistics, channel: int, *, size: int
) -> tuple[MoveStatistics, ...]:
    """Return the explained moves where a channel has its largest part."""
    enough = np.flatnonzero(layer.move_sizes >= _FEW_POSITIONS)
    magnitude = layer.move_magnitude[enough, channel]
    order = np.argsort(-magnitude, kind="stable")[:_MOVES]
    return tuple(
        MoveStatistics(
            move=square_name(square, size),
            positions=int(layer.move_sizes[square]),
            magnitude=float(layer.move_magnitude[square, channel]),
            mean_share=float(layer.move_share[square, channel]),
        )
        for square in enough[order].tolist()
        if layer.move_magnitude[square, channel] > 0
    )
