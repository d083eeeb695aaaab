"""Statistics of all channels of a layer, gathered block by block.

Shapes use N positions, B of them in a block, C channels and P phases of ten plies.
Memory does not grow with N: sums are kept, and products of channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import PASS
from conceptlrp.store import Store

#: Plies of a phase.
PHASE_PLIES = 10
_NEIGHBOURS = 6
_MOVES = PASS + 1
# Whole chunks of a store, 16 MB of 512 channels.
_BLOCK = 8192

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Statistics of the channels of a layer.

    `magnitude`, `mean_share`, `active` and `relevant` (C,) are means over N positions;
    `phase_*` (P, C) those of ten plies each and `move_*` (65, C) those of the positions
    where a square, or a pass, is explained, nan where there are none. `order` has
    channels by magnitude, `neighbours` (C, k) those of most similar shares with their
    cosine.
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

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return len(self.magnitude)

    @property
    def ranks(self) -> NDArray[np.intp]:
        """Place of each channel by magnitude, from 0, of shape (C,)."""
        places = np.empty(self.channels, np.intp)
        places[self.order] = np.arange(self.channels)
        return places


def layer_statistics(
    store: Store, layer: str, *, target: int | str = 0
) -> LayerStatistics:
    """Compute the statistics of a layer in one pass over a store."""
    phase = store.columns.metadata.of_positions("ply").astype(np.int64) // PHASE_PLIES
    moves = store.arrays.explained_square(target=target)
    sums = _Sums(int(phase.max(initial=0)) + 1, store.channels(layer))
    for rows in _blocks(len(store)):
        share = store.arrays.share(layer, rows=rows, target=target)
        sums.add(share, store.arrays.activation(layer, rows=rows) != 0, phase[rows])
        sums.add_moves(share, moves[rows])
    return _of_sums(layer, sums)


class _Sums:
    """Sums over the positions so far, by phase and channel."""

    def __init__(self, n_phases: int, n_channels: int) -> None:
        self.sizes = np.zeros(n_phases, np.int64)
        self.magnitude = np.zeros((n_phases, n_channels))
        self.active = np.zeros((n_phases, n_channels))
        self.share = np.zeros(n_channels)
        self.relevant = np.zeros(n_channels)
        self.products = np.zeros((n_channels, n_channels))
        self.move_sizes = np.zeros(_MOVES, np.int64)
        self.move_magnitude = np.zeros((_MOVES, n_channels))
        self.move_share = np.zeros((_MOVES, n_channels))

    def add(
        self,
        share: NDArray[np.float32],
        active: NDArray[np.bool_],
        phase: NDArray[np.int64],
    ) -> None:
        self.share += share.sum(axis=0, dtype=np.float64)
        self.relevant += (share != 0).sum(axis=0)
        self.products += share.T @ share
        magnitude = np.abs(share)
        for number in np.unique(phase):
            inside = phase == number
            self.sizes[number] += inside.sum()
            self.magnitude[number] += magnitude[inside].sum(axis=0, dtype=np.float64)
            self.active[number] += active[inside].sum(axis=0)

    def add_moves(self, share: NDArray[np.float32], moves: NDArray[np.integer]) -> None:
        # A product of matrices is many times faster than a sum for every move.
        chosen = (np.arange(_MOVES)[:, None] == moves).astype(np.float32)
        self.move_sizes += chosen.sum(axis=1).astype(np.int64)
        self.move_magnitude += chosen @ np.abs(share)
        self.move_share += chosen @ share


def _blocks(length: int) -> Iterator[slice]:
    for start in range(0, length, _BLOCK):
        yield slice(start, min(start + _BLOCK, length))


def _of_sums(layer: str, sums: _Sums) -> LayerStatistics:
    n = int(sums.sizes.sum())
    magnitude = sums.magnitude.sum(axis=0) / max(n, 1)
    neighbours, similarity = _nearest(sums.products)
    sizes, moves = (
        np.where(counts > 0, counts, np.nan)[:, None]
        for counts in (sums.sizes, sums.move_sizes)
    )
    return LayerStatistics(
        layer=layer,
        positions=n,
        magnitude=magnitude,
        mean_share=sums.share / max(n, 1),
        active=sums.active.sum(axis=0) / max(n, 1),
        relevant=sums.relevant / max(n, 1),
        order=np.argsort(-magnitude, kind="stable"),
        phase_sizes=sums.sizes,
        phase_magnitude=sums.magnitude / sizes,
        phase_active=sums.active / sizes,
        move_sizes=sums.move_sizes,
        move_magnitude=sums.move_magnitude / moves,
        move_share=sums.move_share / moves,
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
