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
from conceptlrp.store.format.manifest import Receipt, ShardSpec
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.shard_writer import write_block, write_shard

Arrays = dict[str, NDArray[Any]]
OnRows = Callable[[int], None]


def compute_shard(job: Job, spec: ShardSpec, on_rows: OnRows) -> Receipt:
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
    blocks: list[BlockSpec] = []
    batches = min(_BATCHES, max(1, shard_size // batch_size // 8))
    for target in sorted({index for index, _, _ in rankings}):
        pairs = _pairs(rankings, layers, target)
        for chosen, _ in _groups(pairs, batches * batch_size):
            blocks.append(BlockSpec(len(blocks), target, pairs[np.sort(chosen)]))
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


def compute_block(job: Job, spec: BlockSpec, on_maps: Callable[[int], None]) -> Receipt:
    """Compute the maps of a block and write them."""
    maps = np.zeros((len(spec), job.corpus.size, job.corpus.size), np.float32)
    target = job.spec.targets[spec.target]
    for chosen, found in conditional_heatmaps(
        job.explainer,
        job.corpus,
        target,
        spec.pairs,
        job.layers,
        job.batch_size,
        baseline=job.baseline,
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
    *,
    baseline: Baseline,
) -> Iterator[tuple[Index, Maps]]:
    """Compute the conditional heatmaps of pairs (M, 3) of positions and channels.

    Positions are explained once each, those with equally many channels together. Yields
    which of the pairs come next (m,), and their conditional heatmaps (m, n, n).
    """
    for chosen, counts in _groups(pairs, batch_size):
        rows = pairs[chosen[np.cumsum(counts) - counts], 0]
        member = np.repeat(np.arange(len(rows)), counts)
        channels, slots = _by_layer(pairs[chosen], member, len(rows), layers)
        found = explainer.attribute(
            corpus[rows],
            targets=[target.take(rows)],
            conditional=channels,
            batch_size=batch_size,
            baseline=baseline.take(rows),
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

    Returns the channels by layer, and in which column of its layer each pair is (m,).
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
    """Lay maps out by target, kind, layer, channel and place, as in the file."""
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
