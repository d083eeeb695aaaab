"""Channels in numbers: how much, how often, when.

Shapes use N positions, B of them in a block, C channels and P phases of ten plies. The
share of a channel at a position is its relevance over the sum of the magnitudes over
the layer's channels. Memory does not grow with N: of a layer, sums and products of
channels are kept; columns are read some channels at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import PASS, square_name
from conceptlrp.reference.strips import quantile_rows
from conceptlrp.store import Store
from conceptlrp.store.ranking import share_of
from conceptlrp.store.shards import Selection

#: Plies of a phase.
PHASE_PLIES = 10
_NEIGHBOURS = 6
_SQUARES = PASS + 1
# Whole chunks of a store, 16 MB of 512 channels.
_BLOCK = 8192
# Numbers of a group of columns, and columns that lie in one chunk of a store.
_GROUP = 1 << 22
_CHUNK = 4
_BINS = 48
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# Positions that make a mean worth naming.
_FEW_POSITIONS = 10

Numbers = NDArray[np.float32]
Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Statistics of the channels of a layer.

    `magnitude`, `mean_share`, `active` and `relevant` (C,) are means over N positions;
    `phase_*` (P, C) those of ten plies each and `move_*` (65, C) those of the positions
    where a square, or a pass, is explained, nan where there are none. `order` has
    channels by magnitude, `neighbours` (C, k) those of most similar shares with their
    cosine. `columns` are those that were asked for.
    """

    layer: str
    positions: int
    magnitude: Table
    mean_share: Table
    active: Table
    relevant: Table
    order: NDArray[np.intp]
    phase_sizes: NDArray[np.int64]
    phase_magnitude: Table
    phase_active: Table
    move_sizes: NDArray[np.int64]
    move_magnitude: Table
    move_share: Table
    neighbours: NDArray[np.intp]
    similarity: Table
    columns: "tuple[Column, ...]" = ()

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return len(self.magnitude)

    @property
    def ranks(self) -> NDArray[np.intp]:
        """Place of each channel by magnitude, from 0, of shape (C,)."""
        return np.argsort(self.order)


def layer_statistics(
    store: Store, layer: str, *, target: int | str = 0, channels: Sequence[int] = ()
) -> LayerStatistics:
    """Compute the statistics of a layer, and read columns, in one pass over a store."""
    ply = store.columns.metadata.of_positions("ply")
    sums = _Sums(int(ply.max(initial=0)) // PHASE_PLIES + 1, store.channels(layer))
    columns = _Columns(store, layer, channels, target)
    for rows in _row_blocks(store):
        found = columns.of(rows, None)
        moves = store.arrays.explained_square(rows=rows, target=target)
        phase = ply[rows].astype(np.int64) // PHASE_PLIES
        sums.add(found[1], found[2] != 0, phase, moves)
        columns.put(rows, [each[:, columns.channels] for each in found])
    return replace(_of_sums(layer, sums), columns=tuple(columns))


def _row_blocks(store: Store) -> Iterator[slice]:
    """Go through all rows once, so that every shard is opened once."""
    for start in range(0, len(store), _BLOCK):
        yield slice(start, min(start + _BLOCK, len(store)))


class _Sums:
    """Sums over the positions so far, by phase and channel."""

    def __init__(self, n_phases: int, n_channels: int) -> None:
        self.sizes = np.zeros(n_phases, np.int64)
        # Sums of share, its magnitude and activity; those of no move are last.
        self.phases = np.zeros((3, n_phases, n_channels))
        self.moves = np.zeros((2, _SQUARES + 1, n_channels))
        self.move_sizes = np.zeros(_SQUARES + 1, np.int64)
        self.relevant = np.zeros(n_channels)
        self.products = np.zeros((n_channels, n_channels))

    def add(
        self,
        share: Numbers,
        active: NDArray[np.bool_],
        phase: NDArray[np.int64],
        moves: NDArray[np.integer],
    ) -> None:
        from scipy.sparse import csc_array  # type: ignore[import-untyped]

        ones, ends = np.ones(len(phase)), np.arange(len(phase) + 1)
        self.relevant += np.count_nonzero(share, axis=0)
        self.products += share.T @ share
        known = np.where((moves >= 0) & (moves < _SQUARES), moves, _SQUARES)
        tables = share, np.abs(share), active
        for sums, sizes, groups in (
            (self.phases, self.sizes, phase),
            (self.moves, self.move_sizes, known),
        ):
            sizes += np.bincount(groups, minlength=len(sizes))
            # The product with rows sums up those of each group.
            chosen = csc_array((ones, groups, ends), shape=(len(sizes), len(ones)))
            for total, table in zip(sums, tables, strict=False):
                total += chosen @ table


def _of_sums(layer: str, sums: _Sums) -> LayerStatistics:
    n = int(sums.sizes.sum())
    share, magnitude, active = sums.phases.sum(axis=1) / max(n, 1)
    neighbours, similarity = _nearest(sums.products)
    move_sizes = sums.move_sizes[:_SQUARES]
    sizes, moves = (
        np.where(counts > 0, counts, np.nan)[:, None]
        for counts in (sums.sizes, move_sizes)
    )
    return LayerStatistics(
        layer=layer,
        positions=n,
        magnitude=magnitude,
        mean_share=share,
        active=active,
        relevant=sums.relevant / max(n, 1),
        order=np.argsort(-magnitude, kind="stable"),
        phase_sizes=sums.sizes,
        phase_magnitude=sums.phases[1] / sizes,
        phase_active=sums.phases[2] / sizes,
        move_sizes=move_sizes,
        move_magnitude=sums.moves[1, :_SQUARES] / moves,
        move_share=sums.moves[0, :_SQUARES] / moves,
        neighbours=neighbours,
        similarity=similarity,
    )


def _nearest(products: Table) -> tuple[NDArray[np.intp], Table]:
    """Channels by the cosine that their products give, themselves left out."""
    length = np.sqrt(np.diag(products))
    scale = np.outer(length, length)
    cosine = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :_NEIGHBOURS]
    order = order[:, : len(cosine) - 1]
    return order, np.take_along_axis(cosine, order, axis=1)


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


class _Columns:
    """Columns of some channels, read a block of rows at a time."""

    def __init__(
        self, store: Store, layer: str, channels: Sequence[int], target: int | str
    ) -> None:
        self._arrays, self._layer, self._target = store.arrays, layer, target
        self.channels = np.asarray(channels, np.int64)
        self._tables = np.empty((3, len(channels), len(store)), np.float32)

    def of(self, rows: slice, channels: Selection) -> list[Numbers]:
        """Read relevance, share and activation of rows and channels."""
        some: Any = {"rows": rows, "channels": channels}
        found = self._arrays.relevance(self._layer, target=self._target, **some)
        norm = self._arrays.norm(self._layer, rows, self._target)
        activation = self._arrays.activation(self._layer, **some)
        return [found, share_of(found, norm), activation]

    def put(self, rows: slice, found: Sequence[Numbers]) -> None:
        """Keep what was read of the columns at some rows."""
        for table, part in zip(self._tables, found, strict=True):
            table[:, rows] = part.T

    def __iter__(self) -> Iterator[Column]:
        for i, channel in enumerate(self.channels.tolist()):
            yield Column(channel, *self._tables[:, i])


def read_columns(
    store: Store, layer: str, channels: Sequence[int], *, target: int | str = 0
) -> Iterator[list[Column]]:
    """Read columns, as many at a time as fit in 50 MB, and at least four."""
    width = max(_CHUNK, _GROUP // max(len(store), 1) // _CHUNK * _CHUNK)
    for start in range(0, len(channels), width):
        columns = _Columns(store, layer, channels[start : start + width], target)
        for rows in _row_blocks(store):
            columns.put(rows, columns.of(rows, columns.channels))
        yield list(columns)
        # So that memory never holds two groups.
        del columns


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
    """Count numbers in 48 bins between the smallest and the largest that is not zero.

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
    """Return the explained moves, those first where a channel has its largest part."""
    enough = np.flatnonzero(layer.move_sizes >= _FEW_POSITIONS)
    magnitude = layer.move_magnitude[enough, channel]
    order = np.argsort(-magnitude, kind="stable")
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
