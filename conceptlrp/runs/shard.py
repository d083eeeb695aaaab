"""One shard: rows of a run, computed batch by batch and written.

Pure and idempotent: the bytes of a shard depend on the run's plan and its rows,
whichever process computes it and however often. Batches are cut on one grid,
since the last digit of a number can depend on how many positions are explained
at once.

Shapes use N positions, T targets, C channels and n x n squares.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp.batch import Summary, as_array
from conceptlrp.runs.job import Job
from conceptlrp.runs.stored_numbers import (
    Integers,
    Rounding,
    add_statistics,
    batch_statistics,
    check_finite,
)
from conceptlrp.store import Plan
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.format.receipts import Receipt
from conceptlrp.store.writing.shard_writer import write_shard

Arrays = dict[str, NDArray[Any]]
OnRows = Callable[[int], None]


def compute_shard(job: Job, spec: ShardSpec, on_rows: OnRows) -> Receipt:
    """Explain the positions of a shard and write it.

    Returns: what was written.
    """
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
            self._keep_statistics(found, first, last)
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
            self.job.corpus[rows], targets=targets, conditional=conditional
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

    def _keep_statistics(self, found: Summary, first: int, last: int) -> None:
        if self.job.plan.statistics:
            positions = self.job.corpus[first:last]
            part = batch_statistics(found.conditional, positions)
            add_statistics(self.statistics, part)

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
    """Draw rows without replacement, in order."""
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(of, min(n_drawn, of), replace=False))


def _uniform(rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number between 0 and 1 for every row, by the mixer of SplitMix64."""
    step = np.uint64(0x9E3779B97F4A7C15)
    words = (rows.astype(np.uint64) + np.uint64(seed) * np.uint64(1 << 32)) * step
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (words ^ words >> np.uint64(31)) / float(1 << 64)
