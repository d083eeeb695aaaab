"""Feature tables that are read in blocks of rows, from memory or from a store.

Shapes use N positions in the store, n rows of a table and C columns. Everything
that goes over a table does so in blocks of the same size, so that what it finds
does not depend on where the table lies, and its memory not on n.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import relevance_features
from conceptlrp.store import Store

__all__ = [
    "BLOCK",
    "FeatureTable",
    "StoreFeatures",
    "feature_blocks",
    "held_in_memory",
    "sample_rows",
]

#: Rows of a block.
BLOCK = 8192

# Tables up to this size are held; larger ones are read again by every pass.
_HELD_BYTES = 1 << 28


class FeatureTable(Protocol):
    """Rows of features, read by slice or by index; an array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __len__(self) -> int: ...

    def __getitem__(
        self, rows: "slice | NDArray[np.int64]", /
    ) -> NDArray[np.float32]: ...


class StoreFeatures:
    """Channel relevance of a store as a table of features.

    Shapes: `rows` (n,).
    """

    def __init__(
        self,
        store: Store,
        layers: Sequence[str],
        *,
        target: int | str = 0,
        feature: str = "share",
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        self._store = store
        self._target = target
        self.layers = tuple(layers)
        self.feature = feature
        self.rows = np.arange(len(store)) if rows is None else rows
        self.shape = (len(self.rows), sum(map(store.channels, self.layers)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        chosen = self.rows[rows]
        parts = [
            relevance_features(
                self._store.relevance(layer, rows=chosen, target=self._target),
                kind=self.feature,
            )
            for layer in self.layers
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Layer and channel of every column, such as "conv3:17"."""
        return tuple(
            f"{layer}:{channel}"
            for layer in self.layers
            for channel in range(self._store.channels(layer))
        )


def feature_blocks(
    features: FeatureTable,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Go through a table in blocks of rows.

    Shapes: `features` (n, C). Yields: which rows come next; (m, C): their features.
    """
    for start in range(0, len(features), BLOCK):
        rows = slice(start, min(start + BLOCK, len(features)))
        yield rows, features[rows]


def held_in_memory(features: FeatureTable) -> FeatureTable:
    """Read a table into memory if it is small enough to be held there.

    Shapes: `features` (n, C). Returns (n, C): an array if it takes at most 256 MiB,
    else the table itself.
    """
    if isinstance(features, np.ndarray) or 4 * np.prod(features.shape) > _HELD_BYTES:
        return features
    held = np.empty(features.shape, dtype=np.float32)
    for rows, block in feature_blocks(features):
        held[rows] = block
    return held


def sample_rows(n: int, size: int, seed: int) -> NDArray[np.int64]:
    """Draw rows at random without replacement.

    Returns (min(n, size),): ascending rows.
    """
    if size >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))
