"""Regression trees of few leaves, for many columns at once.

What a split gains follows from sums over the rows of a leaf, which for all flags and
columns are one product of matrices. Shapes use n rows, F flags, C columns ("channels")
and L leaves.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.statistics.ranks import Floats

Path: TypeAlias = tuple[tuple[int, bool], ...]

# A leaf has so many rows, and one of a thousand.
_LEAST_ROWS: Final = 20


@dataclass(frozen=True, eq=False)
class Trees:
    """A tree for each of C channels, grown leaf by leaf.

    Split i takes the rows of the leaves ``leaf`` (L - 1, C) that have the flag
    ``flag`` (L - 1, C) and makes a new leaf i + 1 of them; -1 is no split. ``mean``
    (L, C) is that of the channels, in standard deviations about their mean.
    """

    leaf: NDArray[np.intp]
    flag: NDArray[np.intp]
    mean: Floats

    def leaves(self, flags: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Return the leaf of each row and channel, (n, C)."""
        found = np.zeros((len(flags), self.leaf.shape[1]), np.int8)
        for new, (leaf, flag) in enumerate(zip(self.leaf, self.flag, strict=True), 1):
            found[(found == leaf) & flags[:, flag]] = new
        return found

    def nodes(self, channel: int) -> list[tuple[Path, NDArray[np.bool_]]]:
        """Return nodes below a tree's root: flags on the path, leaves (L,) below."""
        lone = np.eye(len(self.mean), dtype=np.bool_)
        found: list[tuple[Path, NDArray[np.bool_]]] = [((), lone[0].copy())]
        at = {0: 0}
        steps = zip(self.leaf[:, channel], self.flag[:, channel], strict=True)
        for new, (leaf, flag) in enumerate(steps, 1):
            if leaf < 0:
                continue
            path = found[at[leaf]][0]
            # What was this leaf is now a node of both.
            for _, leaves in found:
                leaves[new] |= leaves[leaf]
            for kept in (new, leaf):
                at[kept] = len(found)
                found.append(((*path, (int(flag), kept == new)), lone[kept].copy()))
        return found[1:]


def grow(
    flags: NDArray[np.bool_], values: NDArray[np.float32], *, leaves: int, depth: int
) -> Trees:
    """Grow the trees (CART, best leaf first) of channels (n, C) by flags (n, F).

    Splitting a leaf of n rows with sum t by a flag of m of them with sum s makes the
    squared error smaller by ``s^2 / m + (t - s)^2 / (n - m) - t^2 / n``.
    """
    n, channels = values.shape
    wide = np.ascontiguousarray(flags.T, np.float32)
    every, least = np.arange(channels), max(_LEAST_ROWS, n // 1000)
    place = np.zeros((n, channels), np.int8)
    # By leaf: sums and numbers of rows with each flag, and (last) of all.
    shape = (2, leaves, channels, len(wide) + 1)
    sums = np.zeros(shape)
    gain, best = np.full((leaves, channels), -1.0), np.zeros((leaves, channels), int)
    deep = np.zeros((leaves, channels), np.intp)

    def add(leaf: int, rows: NDArray[np.float32]) -> Floats:
        parts = [rows * values, rows]
        added = [np.vstack([wide @ p, p.sum(axis=0)[None]]).T for p in parts]
        sums[:, leaf] = added
        return sums[:, leaf]

    def weigh(leaf: NDArray[np.intp], of: NDArray[np.intp]) -> None:
        s, m = sums[:, leaf, of, :-1]
        t, total = sums[:, leaf, of, -1:]
        rest = total - m
        allowed = (np.minimum(m, rest) >= least) & (deep[leaf, of] < depth)[:, None]
        with np.errstate(all="ignore"):
            gained = s**2 / m + (t - s) ** 2 / rest - t**2 / total
        gained = np.where(allowed, gained, -1.0)
        best[leaf, of], gain[leaf, of] = gained.argmax(axis=1), gained.max(axis=1)

    add(0, np.ones_like(values))
    weigh(np.zeros(channels, np.intp), every)
    steps = []
    for new in range(1, leaves):
        leaf = gain.argmax(axis=0)
        # Of rounding alone there is nothing to gain.
        split = gain[leaf, every] > 1e-5 * n
        flag = np.where(split, best[leaf, every], 0)
        steps.append((np.where(split, leaf, -1), flag))
        moved = (place == steps[-1][0]) & flags[:, flag]
        place[moved] = new
        sums[:, leaf, every] -= add(new, moved.astype(np.float32))
        deep[leaf, every] += 1
        deep[new] = deep[leaf, every]
        weigh(np.full(split.sum(), new), every[split])
        weigh(leaf[split], every[split])
    total = sums[..., -1]
    mean = total[0] / np.maximum(total[1], 1)
    chosen, asked = (np.array(each) for each in zip(*steps, strict=True))
    return Trees(chosen, asked, mean)
