"""The arrays of a store: only the rows and columns that are asked for are read.

Shapes use N positions, C channels, A actions and n x n squares.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.ranking import share_of
from conceptlrp.store.shards import Selection, selected

Numbers = NDArray[np.float32]


class StoredArrays:
    """What was computed at every position, as `store.arrays`."""

    def __init__(self, store: OpenedStore) -> None:
        self._store = store
        self._norms: dict[tuple[str, int], Numbers] = {}

    def relevance(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read channel relevance.

        Returns (rows, channels): relevance summed over each feature map.
        """
        index = (self._store.target_index(target),)
        return self._read_channels("relevance", layer, rows, channels, index)

    def share(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read channel relevance as a signed share of the layer's.

        The share is relevance over the sum of its magnitudes over the layer's
        channels (plus 1e-10): the score by which RelMax ranks.

        Returns (rows, channels): between -1 and 1.
        """
        relevance = self.relevance(layer, rows=rows, channels=channels, target=target)
        return share_of(relevance, self.norm(layer, rows, target))

    def activation(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.float32]:
        """Read activation summed over the feature map, (rows, channels)."""
        return self._read_channels("activation", layer, rows, channels)

    def peak(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.float32]:
        """Read the largest activation in the feature map, (rows, channels)."""
        return self._read_channels("peak", layer, rows, channels)

    def peak_square(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.int8]:
        """Read where the peak is, row by row in the map, (rows, channels)."""
        return self._read_channels("peak_square", layer, rows, channels)

    def logits(self, *, rows: Selection = None) -> NDArray[np.float32]:
        """Read policy logits, of shape (rows, A)."""
        return self._read("outputs/logits", rows)

    def value(self, *, rows: Selection = None) -> NDArray[np.float32]:
        """Read the value before tanh, of shape (rows,)."""
        return self._read("outputs/value", rows)

    def explained(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the value of the explained output, of shape (rows,)."""
        return self._read(
            "targets/explained", rows, (self._store.target_index(target),)
        )

    def explained_square(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.int8]:
        """Read the move that the target means, of shape (rows,)."""
        return self._read("targets/square", rows, (self._store.target_index(target),))

    def heatmap(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the input relevance of the target, of shape (rows, n, n)."""
        return self._read("targets/heatmap", rows, (self._store.target_index(target),))

    def norm(self, layer: str, rows: Selection, target: int | str) -> Numbers:
        """Read the sum of magnitudes over channels; once all are read, they stay."""
        name, index = f"layers/{layer}/norm", self._store.target_index(target)
        if rows is None and (name, index) not in self._norms:
            self._norms[name, index] = self._read(name, None, (index,))
        kept = self._norms.get((name, index))
        if kept is None:
            return self._read(name, rows, (index,))
        return kept if rows is None else kept[selected(rows, len(self._store))]

    def _read_channels(
        self,
        quantity: str,
        layer: str,
        rows: Selection,
        channels: Selection,
        index: tuple[int, ...] = (),
    ) -> NDArray[Any]:
        n_channels = self._store.channels(layer)
        columns = None if channels is None else selected(channels, n_channels)
        name = f"layers/{layer}/{quantity}"
        return self._store.shards.read(name, rows, index, columns)

    def _read(
        self, name: str, rows: Selection, index: tuple[Any, ...] = ()
    ) -> NDArray[Any]:
        return self._store.shards.read(name, rows, index)
