"""Which positions of a run keep their conditional maps.

The rule depends on the row and the plan alone, so that shards agree without
talking, and appended games never change which of the old positions have maps.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store import Plan

Rows = NDArray[np.int64]


def mapped_rows(plan: Plan, start: int, stop: int) -> Rows:
    """Return the positions of a range whose maps are kept, in order.

    Returns (m,): rows of the store.
    """
    if plan.detail == "all":
        return np.arange(start, stop)
    if plan.detail != "sample":
        return np.empty(0, np.int64)
    sample = plan.sample
    n_drawn, seed, of = sample["positions"], sample["seed"], sample["of"]
    rows = _drawn(n_drawn, seed, of)
    first, last = np.searchsorted(rows, (start, stop))
    behind = np.arange(max(start, of), max(stop, of))
    chance = min(1.0, n_drawn / of)
    return np.concatenate([rows[first:last], behind[_uniform(behind, seed) < chance]])


@lru_cache(maxsize=4)
def _drawn(n_drawn: int, seed: int, of: int) -> Rows:
    """Draw rows without replacement, in order."""
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(of, min(n_drawn, of), replace=False))


def _uniform(rows: Rows, seed: int) -> NDArray[np.float64]:
    """Return a number between 0 and 1 for every row, by the mixer of SplitMix64."""
    step = np.uint64(0x9E3779B97F4A7C15)
    words = (rows.astype(np.uint64) + np.uint64(seed) * np.uint64(1 << 32)) * step
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (words ^ words >> np.uint64(31)) / float(1 << 64)
