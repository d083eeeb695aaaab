"""Features of positions: what a clustering compares, read in blocks of rows.

Shapes use N positions in the store, n of them in a table, C columns. The relevance
of a position scales with the output that is explained, so a confident move would lie
far from a doubtful one although the network used the same channels. Shares and unit
vectors take that scale out and keep the sign: a channel that speaks against the move
stays different from one that speaks for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import ClusteringError, check_known
from conceptlrp.store import Store

#: Ways to take out the scale of a position.
FEATURES = ("share", "raw", "l2", "absolute-share", "absolute-raw", "absolute-l2")
#: Rows of a block: the same wherever a table lies, so that results are the same too.
BLOCK = 8192

# Tables up to this size are held; larger ones are read again by every pass.
_HELD_BYTES = 1 << 30
_TINY = 1e-10


class FeatureTable(Protocol):
    """Rows of features, read by slice or by index; an array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __len__(self) -> int: ...

    def __getitem__(
        self, rows: "slice | NDArray[np.int64]", /
    ) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class StoreFeatures:
    """Channel relevance of a store as a table of features (n, C)."""

    store: Store
    layers: tuple[str, ...]
    rows: NDArray[np.int64]
    target: int | str
    feature: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows n and columns C."""
        return len(self.rows), sum(map(self.store.channels, self.layers))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        chosen = self.rows[rows]
        # Each layer is scaled by itself, so that a large one does not drown the others.
        parts = [
            relevance_features(
                self.store.arrays.relevance(layer, rows=chosen, target=self.target),
                kind=self.feature,
            )
            for layer in self.layers
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def position_features(
    store: Store,
    layer: str | Sequence[str],
    *,
    target: int | str = 0,
    feature: str = "share",
    rows: ArrayLike | None = None,
) -> StoreFeatures:
    """Make the table of features that `cluster` compares, read when it is asked for."""
    layers = (layer,) if isinstance(layer, str) else tuple(layer)
    if not layers:
        msg = "no layer is given, expected one or more to compare channels of"
        raise ClusteringError(msg)
    chosen = _chosen_rows(rows, len(store))
    return StoreFeatures(store, layers, chosen, target, feature)


def relevance_features(
    relevance: ArrayLike, *, kind: str = "share"
) -> NDArray[np.float32]:
    """Turn channel relevance (n, C) into the vectors that are clustered.

    With ``r[n, c]`` the relevance of channel ``c`` at position ``n``: ``share`` is
    ``r[n, c] / (sum_k |r[n, k]| + 1e-10)``, by which zennit-crp ranks reference samples
    (Achtibat et al. 2023), ``l2`` is ``r[n, c] / (sqrt(sum_k r[n, k]^2) + 1e-10)`` and
    ``raw`` is ``r`` itself. With ``absolute-`` before it, the magnitude is taken: how
    much a channel has to say, for or against. A position without relevance stays zero.

    >>> relevance_features([[3.0, -1.0], [0.0, 0.0]])
    array([[ 0.75, -0.25],
           [ 0.  ,  0.  ]], dtype=float32)
    """
    values = np.asarray(relevance, dtype=np.float32)
    if values.ndim != 2:
        msg = f"relevance has shape {values.shape}, expected (n, C)"
        raise ValueError(msg)
    check_known("feature", kind, FEATURES)
    if kind.startswith("absolute-"):
        values, kind = np.abs(values), kind.removeprefix("absolute-")
    if kind == "raw":
        return values
    if kind == "share":
        scale = np.abs(values).sum(axis=1, keepdims=True, dtype=np.float64)
    else:
        scale = np.sqrt(np.square(values, dtype=np.float64).sum(axis=1, keepdims=True))
    return np.asarray((values / (scale + _TINY)).astype(np.float32))


def feature_blocks(
    features: FeatureTable,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Go through a table (n, C) in blocks of rows: which rows, and their features."""
    for start in range(0, len(features), BLOCK):
        rows = slice(start, min(start + BLOCK, len(features)))
        yield rows, features[rows]


def held_in_memory(features: FeatureTable) -> FeatureTable:
    """Read a table into an array if that takes at most 1 GiB."""
    if isinstance(features, np.ndarray) or 4 * np.prod(features.shape) > _HELD_BYTES:
        return features
    held = np.empty(features.shape, dtype=np.float32)
    for rows, block in feature_blocks(features):
        held[rows] = block
    return held


def sample_rows(n: int, size: int, seed: int) -> NDArray[np.int64]:
    """Draw at most `size` of n rows at random without replacement, ascending."""
    if size >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def _chosen_rows(rows: ArrayLike | None, total: int) -> NDArray[np.int64]:
    if total == 0:
        msg = "the store holds no positions, expected at least two to cluster"
        raise ClusteringError(msg)
    if rows is None:
        return np.arange(total)
    given = np.asarray(rows)
    if given.dtype == bool:
        if given.shape != (total,):
            msg = f"rows is a mask of shape {given.shape}, expected ({total},)"
            raise ValueError(msg)
        return np.flatnonzero(given)
    chosen = np.unique(given.astype(np.int64))
    if len(chosen) and (chosen[0] < 0 or chosen[-1] >= total):
        wrong = chosen[0] if chosen[0] < 0 else chosen[-1]
        msg = f"row {wrong} is not in the store, expected 0 to {total - 1}"
        raise ValueError(msg)
    return chosen


def numbered_by_size(
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Renumber by size; clusters of equal size keep the estimator's order."""
    names, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(-np.where(names < 0, -1, counts), kind="stable")
    order = order[: int((names >= 0).sum())]
    number = np.full(len(names), -1, dtype=np.int32)
    number[order] = np.arange(len(order))
    return number[inverse], counts[order].astype(np.int64)
