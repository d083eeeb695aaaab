"""Conditional heatmaps of the reference boards of every channel.

Shapes use C channels of a layer, k reference boards a channel and n x n squares.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp.explainer import Explainer
from conceptlrp.lrp.targets import Target, take_rows
from conceptlrp.store import REFERENCE_KINDS, Store, top_rows

Arrays = dict[str, NDArray[Any]]
Index = NDArray[np.int64]
Maps = NDArray[np.float32]
Rankings = dict[tuple[int, str, str], tuple[Index, Maps]]
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
    wanted = {
        index: _pairs(rankings, store.layers, index) for index in range(len(targets))
    }
    total = sum(len(pairs) for pairs in wanted.values())
    done = 0
    arrays: Arrays = {}
    for index, pairs in wanted.items():
        maps = np.zeros((len(pairs), *_board(store)), np.float32)
        for chosen, found in conditional_heatmaps(
            explainer, store, targets[index], pairs, batch_size
        ):
            maps[chosen] = found
            done += len(chosen)
            on_batch(done, total)
        arrays.update(_tables(rankings, store.layers, index, pairs, maps))
    return arrays


def _board(store: Store) -> tuple[int, int]:
    return store.positions.size, store.positions.size


def _pairs(rankings: Rankings, layers: Sequence[str], target: int) -> Index:
    """Return the different (row, layer, channel) of all rankings of a target."""
    found = [np.empty((0, 3), np.int64)]
    for (index, _, layer), (rows, _) in rankings.items():
        if index == target:
            channels, places = np.nonzero(rows >= 0)
            number = np.full(len(channels), layers.index(layer))
            found.append(np.stack([rows[channels, places], number, channels], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _tables(
    rankings: Rankings, layers: Sequence[str], target: int, pairs: Index, maps: Maps
) -> Arrays:
    """Lay the maps out by kind, layer, channel and place."""
    places = {tuple(pair): i for i, pair in enumerate(pairs.tolist())}
    arrays: Arrays = {}
    for (index, kind, layer), (rows, scores) in rankings.items():
        if index != target:
            continue
        table = np.zeros((*rows.shape, *maps.shape[1:]), np.float32)
        number = layers.index(layer)
        for channel, place in zip(*np.nonzero(rows >= 0), strict=True):
            key = (int(rows[channel, place]), number, int(channel))
            table[channel, place] = maps[places[key]]
        group = f"{index}/{kind}/{layer}"
        arrays[f"{group}/rows"] = rows
        arrays[f"{group}/scores"] = scores
        arrays[f"{group}/maps"] = table
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
    explainer: Explainer, store: Store, target: Target, pairs: Index, batch_size: int
) -> Iterator[tuple[Index, Maps]]:
    """Compute the conditional heatmaps of chosen channels at chosen positions.

    Positions are explained once each, those with equally many channels together.

    Parameters
    ----------
    explainer, store, target
        What is explained.
    pairs : ndarray of shape (M, 3)
        Row of the store, number of the layer, channel; sorted by row.
    batch_size : int
        Boards at a time.

    Yields
    ------
    ndarray of shape (m,)
        Which of the pairs come next.
    ndarray of shape (m, n, n)
        Their conditional heatmaps.
    """
    rows, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    for start in range(0, len(rows), batch_size):
        batch = order[start : start + batch_size]
        chosen = np.concatenate(
            [np.arange(first[i], first[i] + counts[i]) for i in batch]
        )
        member = np.repeat(np.arange(len(batch)), counts[batch])
        channels, slots = _by_layer(pairs[chosen], member, len(batch), store.layers)
        found = explainer.attribute(
            store.positions[rows[batch]],
            targets=[take_rows(target, rows[batch])],
            conditional=channels,
            batch_size=batch_size,
        )
        maps = np.zeros((len(chosen), *_board(store)), np.float32)
        for number, layer in enumerate(store.layers):
            here = pairs[chosen, 1] == number
            if layer in channels:
                maps[here] = found.conditional[layer][member[here], 0, slots[here]]
        yield chosen, maps


def _by_layer(
    pairs: Index, member: Index, n_positions: int, layers: Sequence[str]
) -> tuple[dict[str, Index], Index]:
    """Lay channels out as rows of each layer, (n, K); shorter rows repeat channel 0.

    Returns
    -------
    dict of str to ndarray of shape (n, K)
        Channels wanted of each position, by layer.
    ndarray of shape (m,)
        In which column of its layer each pair stands.
    """
    slots = np.zeros(len(pairs), np.int64)
    channels: dict[str, Index] = {}
    for number, layer in enumerate(layers):
        here = np.flatnonzero(pairs[:, 1] == number)
        if len(here) == 0:
            continue
        counts = np.bincount(member[here], minlength=n_positions)
        begins = np.cumsum(counts) - counts
        slots[here] = np.arange(len(here)) - begins[member[here]]
        table = np.zeros((n_positions, counts.max()), np.int64)
        table[member[here], slots[here]] = pairs[here, 2]
        channels[layer] = table
    return channels, slots
