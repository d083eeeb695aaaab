"""The parts of a run: shards of positions, and blocks of reference heatmaps.

A shard is pure and idempotent: its bytes depend on the run's plan and its rows,
whichever process computes it and however often. Batches are cut on one grid, since
the last digit of a number can depend on how many positions are explained at once.

For the references, the positions of every channel are ranked by the sums of all
shards; the maps of the best are computed in blocks of positions, which are kept one
by one, and then laid out as tables.

Shapes use N positions, T targets, C channels, k reference boards a channel, M pairs
of position and channel, and n x n squares.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer, Target
from conceptlrp.lrp.batch import Summary, as_array
from conceptlrp.othello import Corpus
from conceptlrp.runs.job import Job
from conceptlrp.runs.stored_numbers import (
    Integers,
    Rounding,
    add_statistics,
    batch_statistics,
    check_finite,
)
from conceptlrp.store import Plan, Store
from conceptlrp.store.baseline import Baseline
from conceptlrp.store.format.integrity import FileEntry
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.shard_writer import write_block, write_shard

Arrays = dict[str, NDArray[Any]]
OnRows = Callable[[int], None]


def compute_shard(job: Job, spec: ShardSpec, on_rows: OnRows) -> FileEntry:
    """Explain the positions of a shard and write it."""
    shard = _Shard(job, spec)
    for first in range(spec.start, spec.stop, job.batch_size):
        last = min(first + job.batch_size, spec.stop)
        shard.explain(first, last)
        on_rows(last - first)
    return write_shard(job.path, spec, shard.contents(), rounding=shard.rounding.errors)


class _Shard:
    """A shard being filled: every array is allocated once, by the first batch."""

    def __init__(self, job: Job, spec: ShardSpec) -> None:
        self.job = job
        self.spec = spec
        self.rounding = Rounding(job.plan.dtype)
        self.mapped = mapped_rows(job.plan, spec.start, spec.stop)
        self.rows: Arrays = {}
        self.maps = _empty_maps(job, len(self.mapped))
        self.statistics: Integers = {}

    def explain(self, first: int, last: int) -> None:
        """Compute the rows from `first` to before `last`."""
        job = self.job
        mapped = self.mapped[(self.mapped >= first) & (self.mapped < last)]
        streams = job.plan.statistics or len(mapped) == last - first
        found = self._summarize(np.arange(first, last), conditional=streams)
        self._keep_rows(found.arrays(), first)
        if streams:
            if job.plan.statistics:
                part = batch_statistics(found.conditional, job.corpus[first:last])
                add_statistics(self.statistics, part)
            self._keep_maps(found, mapped - first, mapped)
        elif len(mapped):
            # Few of the batch: their maps alone cost less than those of all.
            chosen = self._summarize(mapped, conditional=True)
            self._keep_maps(chosen, np.arange(len(mapped)), mapped)

    def contents(self) -> Arrays:
        """Return all datasets of the shard."""
        contents = {**self.rows, **self.maps, **self.statistics}
        if self.maps:
            contents["maps/rows"] = self.mapped
        return contents

    def _summarize(self, rows: NDArray[np.int64], *, conditional: bool) -> Summary:
        targets = [target.take(rows) for target in self.job.spec.targets]
        return self.job.explainer.summarize(
            self.job.corpus[rows],
            targets=targets,
            conditional=conditional,
            baseline=self.job.baseline.take(rows),
        )

    def _keep_rows(self, arrays: Arrays, first: int) -> None:
        for name, values in arrays.items():
            if name != "outputs/value" or self.job.has_value:
                check_finite(name, values, first)
            stored = self.rounding.store(name, values, first)
            if name not in self.rows:
                shape = (len(self.spec), *stored.shape[1:])
                self.rows[name] = np.empty(shape, stored.dtype)
            at = first - self.spec.start
            self.rows[name][at : at + len(stored)] = stored

    def _keep_maps(
        self, found: Summary, chosen: NDArray[np.int64], mapped: NDArray[np.int64]
    ) -> None:
        if len(mapped) == 0:
            return
        at = int(np.searchsorted(self.mapped, mapped[0]))
        rows = slice(at, at + len(mapped))
        for layer, every in found.conditional.items():
            maps = as_array(every)[chosen]
            check_finite(f"maps of layer '{layer}'", maps, int(mapped[0]))
            stored, scale = self.rounding.store_maps(maps)
            self.maps[f"layers/{layer}/maps"][rows] = stored
            if scale is not None:
                self.maps[f"layers/{layer}/map_scale"][rows] = scale


def _empty_maps(job: Job, n_mapped: int) -> Arrays:
    """Return arrays for the maps of a shard, none where the plan keeps none."""
    plan, size = job.plan, job.explainer.size
    maps: Arrays = {}
    if plan.detail not in ("sample", "all"):
        return maps
    for layer, shape in plan.layers.items():
        board = (n_mapped, len(plan.targets), shape["channels"], size, size)
        maps[f"layers/{layer}/maps"] = np.empty(board, plan.dtype)
        if plan.dtype == "float16":
            maps[f"layers/{layer}/map_scale"] = np.empty(board[:2], np.float32)
    return maps


def mapped_rows(plan: Plan, start: int, stop: int) -> NDArray[np.int64]:
    """Return the positions (m,) of a range whose conditional maps are kept, in order.

    The rule depends on the row and the plan alone, so that shards agree without
    talking, and games appended later never change which of the old positions have maps.
    """
    if plan.detail == "all":
        return np.arange(start, stop)
    if plan.detail != "sample":
        return np.empty(0, np.int64)
    sample = plan.sample
    n_drawn, seed, of = sample["positions"], sample["seed"], sample["of"]
    rows = _drawn(n_drawn, seed, of)
    first, last = np.searchsorted(rows, (start, stop))
    later = np.arange(max(start, of), max(stop, of))
    chance = min(1.0, n_drawn / of)
    return np.concatenate([rows[first:last], later[_uniform(later, seed) < chance]])


@lru_cache(maxsize=4)
def _drawn(n_drawn: int, seed: int, of: int) -> NDArray[np.int64]:
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(of, min(n_drawn, of), replace=False))


def _uniform(rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number between 0 and 1 for every row, by the mixer of SplitMix64."""
    step = np.uint64(0x9E3779B97F4A7C15)
    words = (rows.astype(np.uint64) + np.uint64(seed) * np.uint64(1 << 32)) * step
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (words ^ words >> np.uint64(31)) / float(1 << 64)


Index = NDArray[np.int64]
Maps = NDArray[np.float32]
Rankings = dict[tuple[int, str, str], tuple[Index, Maps]]
#: Maps by row, target, number of the layer and channel.
MapsByPlace = Mapping[tuple[int, ...], Maps]
_BATCHES = 16


@dataclass(frozen=True)
class BlockSpec:
    """Maps of reference boards that are computed and kept together.

    ``pairs`` (m, 4) are row of the store, target, number of the layer and channel of
    each map.
    """

    index: int
    pairs: Index

    def __len__(self) -> int:
        return len(self.pairs)


def rank_references(
    store: Store, k: int, *, on_ranked: Callable[[int], None]
) -> Rankings:
    """Rank the positions of every channel, by target index, kind and layer.

    Returns rows (C, k), -1 where there are fewer, and scores (C, k).
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
    rankings: Rankings, layers: Sequence[str], batch_size: int, shard_size: int
) -> list[BlockSpec]:
    """Cut the maps of all reference boards into blocks of whole batches of positions.

    Each map comes once, even where several rankings want it. A position takes several
    times what it does in a shard.
    """
    batches = min(_BATCHES, max(1, shard_size // batch_size // 8))
    pairs = _pairs(rankings, layers)
    return [
        BlockSpec(number, pairs[np.sort(chosen)])
        for number, (chosen, _) in enumerate(_groups(pairs, batches * batch_size))
    ]


def _pairs(rankings: Rankings, layers: Sequence[str]) -> Index:
    """Return the different (row, target, layer, channel) of all rankings."""
    found = [np.empty((0, 4), np.int64)]
    for (target, _, layer), (rows, _) in rankings.items():
        channels, places = np.nonzero(rows >= 0)
        at = (np.full(len(channels), each) for each in (target, layers.index(layer)))
        found.append(np.stack([rows[channels, places], *at, channels], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _groups(pairs: Index, n_positions: int) -> Iterator[tuple[Index, Index]]:
    """Group positions that have about equally many maps, `n_positions` at a time.

    Yields which pairs they have (m,), and how many each.
    """
    rows, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    for start in range(0, len(rows), n_positions):
        here = order[start : start + n_positions]
        runs = [np.arange(first[i], first[i] + counts[i]) for i in here]
        yield np.concatenate(runs), counts[here]


def compute_block(
    job: Job, spec: BlockSpec, on_maps: Callable[[int], None]
) -> FileEntry:
    """Compute the maps of a block and write them."""
    maps = np.zeros((len(spec), job.corpus.size, job.corpus.size), np.float32)
    for chosen, found in conditional_heatmaps(
        job.explainer,
        job.corpus,
        job.spec.targets,
        spec.pairs,
        job.layers,
        job.batch_size,
        baseline=job.baseline,
    ):
        check_finite("maps", found, 0)
        maps[chosen] = found
        on_maps(len(chosen))
    return write_block(job.path, spec.index, {"pairs": spec.pairs, "heatmaps": maps})


def conditional_heatmaps(
    explainer: Explainer,
    corpus: Corpus,
    targets: Sequence[Target],
    pairs: Index,
    layers: Sequence[str],
    batch_size: int,
    *,
    baseline: Baseline,
) -> Iterator[tuple[Index, Maps]]:
    """Compute the conditional heatmaps of pairs (M, 4); see `BlockSpec`.

    Positions are explained once each, those with equally many maps together. Yields
    which of the pairs come next (m,), and their conditional heatmaps (m, n, n).
    """
    for chosen, counts in _groups(pairs, batch_size):
        rows = pairs[chosen[np.cumsum(counts) - counts], 0]
        place = np.repeat(np.arange(len(rows)), counts), pairs[chosen, 1]
        shape = (len(rows), len(targets))
        channels, slots = _by_layer(pairs[chosen], place, shape, layers)
        found = explainer.channel_heatmaps(
            corpus[rows],
            channels,
            targets=[target.take(rows) for target in targets],
            baseline=baseline.take(rows),
        )
        maps = np.zeros((len(chosen), corpus.size, corpus.size), np.float32)
        for number, layer in enumerate(layers):
            here = pairs[chosen, 2] == number
            if layer in channels:
                maps[here] = found[layer][(*(at[here] for at in place), slots[here])]
        yield chosen, maps


def _by_layer(
    pairs: Index,
    place: tuple[Index, Index],
    shape: tuple[int, int],
    layers: Sequence[str],
) -> tuple[dict[str, Index], Index]:
    """Lay channels out as rows of each layer, (n, T, K); shorter rows repeat channel 0.

    Shapes: `place` position and target of each pair (m,), `shape` (n, T). Returns the
    channels by layer, and in which column of its layer each pair is (m,).
    """
    slots = np.zeros(len(pairs), np.int64)
    channels: dict[str, Index] = {}
    member = np.ravel_multi_index(place, shape)
    for number, layer in enumerate(layers):
        here = np.flatnonzero(pairs[:, 2] == number)
        if len(here) == 0:
            continue
        counts = np.bincount(member[here], minlength=shape[0] * shape[1])
        begins = np.cumsum(counts) - counts
        slots[here] = np.arange(len(here)) - begins[member[here]]
        table = np.zeros((len(counts), counts.max()), np.int64)
        table[member[here], slots[here]] = pairs[here, 3]
        channels[layer] = table.reshape(*shape, -1)
    return channels, slots


def maps_of_blocks(blocks: Mapping[int, Arrays]) -> dict[tuple[int, ...], Maps]:
    """Return the maps of finished blocks by row, target, layer and channel."""
    return {
        tuple(pair): each
        for block in blocks.values()
        for pair, each in zip(block["pairs"].tolist(), block["heatmaps"], strict=True)
    }


def reference_tables(
    rankings: Rankings, layers: Sequence[str], maps: MapsByPlace, size: int
) -> Arrays:
    """Lay maps out by target, kind, layer, channel and place, as in the file."""
    arrays: Arrays = {}
    for (target, kind, layer), (rows, scores) in rankings.items():
        table = np.zeros((*rows.shape, size, size), np.float32)
        number = layers.index(layer)
        for channel, place in zip(*np.nonzero(rows >= 0), strict=True):
            key = (int(rows[channel, place]), target, number, int(channel))
            table[channel, place] = maps[key]
        group = f"{target}/{kind}/{layer}"
        arrays |= {f"{group}/rows": rows, f"{group}/scores": scores}
        arrays[f"{group}/maps"] = table
    return arrays
