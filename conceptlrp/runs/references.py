"""Conditional heatmaps of the reference boards of every channel.

The positions of every channel are ranked by the sums of all shards; the maps of
the best are computed in blocks of positions, which any process may compute and
which are kept one by one, and then laid out as tables.

Shapes use C channels of a layer, k reference boards a channel, M pairs of position
and channel, and n x n squares.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer, Target
from conceptlrp.othello import Corpus
from conceptlrp.runs.job import Job
from conceptlrp.runs.stored_numbers import check_finite
from conceptlrp.store import Store
from conceptlrp.store.format.receipts import Receipt
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.shard_writer import write_block

Arrays = dict[str, NDArray[Any]]
Index = NDArray[np.int64]
Maps = NDArray[np.float32]
Rankings = dict[tuple[int, str, str], tuple[Index, Maps]]
#: Maps by target, row, number of the layer and channel.
MapsByPlace = Mapping[tuple[int, ...], Maps]
_BATCHES = 16


@dataclass(frozen=True)
class BlockSpec:
    """Maps of reference boards that are computed and kept together.

    ``target`` is the index of the target; ``pairs`` (m, 3) are row of the store, number
    of the layer and channel of each map.
    """

    index: int
    target: int
    pairs: Index

    def __len__(self) -> int:
        return len(self.pairs)


def rank_references(
    store: Store, k: int, *, on_ranked: Callable[[int], None]
) -> Rankings:
    """Rank the positions of every channel.

    Returns: by target index, kind and layer: rows (C, k), -1 where there are fewer, and
    scores (C, k).
    """
    rankings: Rankings = {}
    for index in range(len(store.targets)):
        for kind in REFERENCE_KINDS:
            for layer in store.layers:
                by, lowest = REFERENCE_KINDS[kind]
                best = store.rank_channels(layer, k, by=by, lowest=lowest, target=index)
                rankings[index, kind, layer] = (best.rows, best.scores)
                on_ranked(1)
    return rankings


def reference_blocks(
    rankings: Rankings, layers: Sequence[str], batch_size: int
) -> list[BlockSpec]:
    """Cut the maps of all reference boards into blocks of whole positions.

    Returns: every map once, even where several rankings want it.
    """
    blocks: list[BlockSpec] = []
    for target in sorted({index for index, _, _ in rankings}):
        pairs = _pairs(rankings, layers, target)
        for chosen in _cut(pairs, _BATCHES * batch_size):
            blocks.append(BlockSpec(len(blocks), target, chosen))
    return blocks


def _pairs(rankings: Rankings, layers: Sequence[str], target: int) -> Index:
    """Return the different (row, layer, channel) of all rankings of a target."""
    found = [np.empty((0, 3), np.int64)]
    for (index, _, layer), (rows, _) in rankings.items():
        if index == target:
            channels, places = np.nonzero(rows >= 0)
            number = np.full(len(channels), layers.index(layer))
            found.append(np.stack([rows[channels, places], number, channels], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _cut(pairs: Index, n_positions: int) -> Iterator[Index]:
    """Group positions that have about equally many maps, `n_positions` at a time."""
    rows, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    for start in range(0, len(rows), n_positions):
        here = np.sort(order[start : start + n_positions])
        yield np.concatenate([pairs[first[i] : first[i] + counts[i]] for i in here])


def compute_block(job: Job, spec: BlockSpec, on_maps: Callable[[int], None]) -> Receipt:
    """Compute the maps of a block and write them."""
    maps = np.zeros((len(spec), job.corpus.size, job.corpus.size), np.float32)
    target = job.spec.targets[spec.target]
    for chosen, found in conditional_heatmaps(
        job.explainer, job.corpus, target, spec.pairs, job.layers, job.batch_size
    ):
        check_finite("maps", found, 0)
        maps[chosen] = found
        on_maps(len(chosen))
    pairs = {"pairs": spec.pairs, "target": np.array(spec.target)}
    return write_block(job.path, spec.index, {**pairs, "heatmaps": maps})


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
    its layer each pair is.
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


def maps_of_blocks(blocks: Mapping[int, Arrays]) -> dict[tuple[int, ...], Maps]:
    """Return the maps of finished blocks by target, row, layer and channel."""
    return {
        (int(block["target"]), *pair): each
        for block in blocks.values()
        for pair, each in zip(block["pairs"].tolist(), block["heatmaps"], strict=True)
    }


def reference_tables(
    rankings: Rankings, layers: Sequence[str], maps: MapsByPlace, size: int
) -> Arrays:
    """Lay maps out by target, kind, layer, channel and place.

    Returns: Contents of `references.h5` by dataset name.
    """
    arrays: Arrays = {}
    for (target, kind, layer), (rows, scores) in rankings.items():
        table = np.zeros((*rows.shape, size, size), np.float32)
        number = layers.index(layer)
        for channel, place in zip(*np.nonzero(rows >= 0), strict=True):
            key = (target, int(rows[channel, place]), number, int(channel))
            table[channel, place] = maps[key]
        group = f"{target}/{kind}/{layer}"
        arrays |= {f"{group}/rows": rows, f"{group}/scores": scores}
        arrays[f"{group}/maps"] = table
    return arrays
