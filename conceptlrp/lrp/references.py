"""Conditional heatmaps of the reference boards of every channel.

Shapes use C channels of a layer, k reference boards a channel and n x n squares.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp.explainer import Explainer
from conceptlrp.lrp.targets import Target
from conceptlrp.othello import Corpus
from conceptlrp.store import REFERENCE_KINDS, Store, top_rows

Arrays = dict[str, NDArray[Any]]
_COLUMNS = 64


def reference_arrays(
    explainer: Explainer,
    store: Store,
    targets: Sequence[Target],
    *,
    k: int,
    batch_size: int,
    on_batch: Callable[[int, int], None],
) -> Arrays:
    """Rank the positions of every channel and compute the maps of the best.

    Parameters
    ----------
    explainer : Explainer
        What the store was computed with.
    store : Store
        Sums over all positions.
    targets : sequence of Target
        The store's targets.
    k : int
        Reference boards a channel, one a game.
    batch_size : int
        Boards at a time.
    on_batch : callable
        Told maps done and maps in all after every batch.

    Returns
    -------
    dict of str to ndarray
        Contents of `references.h5` by dataset name.
    """
    rankings = {
        (index, kind, layer): _rank_channels(store, layer, kind, index, k)
        for index in range(len(targets))
        for kind in REFERENCE_KINDS
        for layer in store.layers
    }
    total = sum(int((rows >= 0).sum()) for rows, _ in rankings.values())
    done = 0
    side = store.positions.size
    arrays: Arrays = {}
    for (index, kind, layer), (rows, scores) in rankings.items():
        maps = np.zeros((*rows.shape, side, side), np.float32)
        for at, found in conditional_heatmaps(
            explainer, store.positions, targets[index], layer, rows, batch_size
        ):
            maps[at] = found
            done += len(found)
            on_batch(done, total)
        group = f"{index}/{kind}/{layer}"
        arrays[f"{group}/rows"] = rows
        arrays[f"{group}/scores"] = scores
        arrays[f"{group}/maps"] = maps
    return arrays


def _rank_channels(
    store: Store, layer: str, kind: str, target: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rank the positions of every channel, a block of columns at a time."""
    by, lowest = REFERENCE_KINDS[kind]
    games = store.positions.game
    rows = np.full((store.channels(layer), k), -1, np.int64)
    scores = np.zeros(rows.shape, np.float32)
    for first in range(0, len(rows), _COLUMNS):
        block = slice(first, first + _COLUMNS)
        columns = _score_columns(store, layer, by, block, target)
        for channel, column in enumerate(columns.T, start=first):
            best = top_rows(column, k, lowest=lowest, groups=games)
            rows[channel, : len(best)] = best.rows
            scores[channel, : len(best)] = best.scores
    return rows, scores


def _score_columns(
    store: Store, layer: str, by: str, block: slice, target: int
) -> NDArray[np.float32]:
    if by == "activation":
        return store.activation(layer, channels=block)
    return store.share(layer, channels=block, target=target)


def conditional_heatmaps(
    explainer: Explainer,
    positions: Corpus,
    target: Target,
    layer: str,
    rows: NDArray[np.int64],
    batch_size: int,
) -> Iterator[tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]]:
    """Compute conditional heatmaps of chosen positions of every channel.

    Parameters
    ----------
    explainer, positions, target, layer
        What is explained.
    rows : ndarray of shape (C, k)
        Positions of each channel, -1 for none.
    batch_size : int
        Boards at a time.

    Yields
    ------
    (channels, places) : pair of ndarray of shape (b,)
        Where in `rows` the maps belong.
    ndarray of shape (b, n, n)
        Conditional heatmaps of a batch.
    """
    channels, places = np.nonzero(rows >= 0)
    for start in range(0, len(channels), batch_size):
        at = (channels[start : start + batch_size], places[start : start + batch_size])
        found = explainer.attribute(
            positions[rows[at]],
            targets=[target],
            conditional={layer: at[0][:, None]},
            batch_size=batch_size,
        )
        yield at, found.conditional[layer][:, 0, 0].astype(np.float32)
