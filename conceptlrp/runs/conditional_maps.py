"""Conditional heatmaps of chosen channels, different ones at every position.

Shapes use n x n squares of the board.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer, Target
from conceptlrp.othello import Corpus

Index = NDArray[np.int64]
Maps = NDArray[np.float32]


def conditional_heatmaps(
    explainer: Explainer,
    corpus: Corpus,
    target: Target,
    pairs: Index,
    layers: Sequence[str],
    batch_size: int,
) -> Iterator[tuple[Index, Maps]]:
    """Compute the conditional heatmaps of chosen channels at chosen positions.

    Positions are explained once each, those with equally many channels together.

    Shapes: `pairs` (M, 3). Yields (m,): which of the pairs come next; (m, n, n): their
    conditional heatmaps.
    """
    rows, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    for start in range(0, len(rows), batch_size):
        batch = order[start : start + batch_size]
        chosen = np.concatenate(
            [np.arange(first[i], first[i] + counts[i]) for i in batch]
        )
        member = np.repeat(np.arange(len(batch)), counts[batch])
        channels, slots = _by_layer(pairs[chosen], member, len(batch), layers)
        found = explainer.attribute(
            corpus[rows[batch]],
            targets=[target.take(rows[batch])],
            conditional=channels,
            batch_size=batch_size,
        )
        maps = np.zeros((len(chosen), corpus.size, corpus.size), np.float32)
        for number, layer in enumerate(layers):
            here = pairs[chosen, 1] == number
            if layer in channels:
                maps[here] = found.conditional[layer][member[here], 0, slots[here]]
        yield chosen, maps


def _by_layer(
    pairs: Index, member: Index, n_positions: int, layers: Sequence[str]
) -> tuple[dict[str, Index], Index]:
    """Lay channels out as rows of each layer, (n, K); shorter rows repeat channel 0.

    Returns (n, K): channels wanted of each position, by layer; (m,): in which column of
    its layer each pair stands.
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
