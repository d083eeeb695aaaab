"""The part of a store that an export holds, read in blocks of rows.

Shapes use N exported positions, C channels and n x n squares. Exports go through
the positions in blocks of the same size, so that their memory does not grow with N
beyond what is known of each position, and that what they compute does not depend on
how the store is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering import Clustering
from conceptlrp.errors import ConceptLRPError, StoreError
from conceptlrp.runs.fingerprint import package_versions
from conceptlrp.store import COLUMNS, Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BLOCK", "QUANTITIES", "Extract", "extract", "optional"]

#: Positions that are read at a time.
BLOCK = 4096
#: What is known of every channel at every position.
QUANTITIES = ("relevance", "share", "activation")

_COLUMNS = ("id", *COLUMNS, "explained", "square", "value")


@dataclass(frozen=True)
class Extract:
    """Layers, an explained output and positions of a store.

    Attributes
    ----------
    store : Store
        Where everything is read from.
    layers : tuple of str
        Names of the layers.
    target : str
        Explained output.
    rows : ndarray of shape (N,)
        Rows of the store, ascending.
    """

    store: Store
    layers: tuple[str, ...]
    target: str
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def blocks(self, size: int = BLOCK) -> Iterator[slice]:
        """Cut the positions into blocks, the last one with what is left."""
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))

    def read(self, quantity: str, layer: str, block: slice) -> NDArray[np.float32]:
        """Read one of `QUANTITIES` of a block, of shape (positions, C)."""
        rows = self.rows[block]
        if quantity == "activation":
            return self.store.activation(layer, rows=rows)
        read = self.store.share if quantity == "share" else self.store.relevance
        return read(layer, rows=rows, target=self.target)

    def frame(self, block: slice) -> "pd.DataFrame":
        """Return what is known of the positions of a block, indexed by row."""
        rows, corpus = self.rows[block], self.store.positions
        found = self.store.frame(_COLUMNS, rows=rows, target=self.target)
        found["obf"] = [corpus.position(row).obf() for row in rows.tolist()]
        found["transcript"] = [corpus.transcript(row) for row in rows.tolist()]
        return found

    def labels(self, block: slice) -> "pd.DataFrame":
        """Return the labels of the positions of a block, indexed by row."""
        names = self.store.label_names
        return self.store.frame(names, rows=self.rows[block], target=self.target)

    def clusterings(self) -> dict[str, Clustering]:
        """Return the store's clusterings of this output, of all its layers."""
        results, target = self.store.results, self.target
        found = {
            layer: results.get(Clustering, target=target, layer=layer)
            for layer in self.store.layers
        }
        return {layer: each for layer, each in found.items() if each is not None}

    def placed(
        self, clustering: Clustering
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Say which exported positions were clustered, and where they stand there."""
        _, here, there = np.intersect1d(
            self.rows, clustering.rows, assume_unique=True, return_indices=True
        )
        return here, there

    def provenance(self) -> dict[str, Any]:
        """Return where the numbers come from, ready for JSON."""
        made = self.store.manifest
        return {
            "exported by": f"conceptlrp {package_versions()['conceptlrp']}",
            "network": made.network,
            "corpus": made.corpus,
            "composite": made.composite,
            "target": self.target,
            "layers": list(self.layers),
            "positions": len(self),
            "versions": made.versions,
            "command": made.command,
        }


def extract(
    store: Store,
    layers: Sequence[str] | None = None,
    *,
    target: int | str = 0,
    positions: int | None = None,
    seed: int = 0,
) -> Extract:
    """Choose what of a store is exported.

    Returns: Layers in the order of the store, rows ascending.
    """
    asked = store.layers if layers is None else tuple(layers)
    for layer in asked:
        store.channels(layer)
    if not asked:
        msg = "no layer is given, expected one or more to export"
        raise ValueError(msg)
    if not len(store):
        msg = f"{store.path}: holds no positions yet, expected at least one to export"
        raise StoreError(msg)
    rows = np.arange(len(store))
    if positions is not None and positions < 1:
        msg = f"positions is {positions}, expected at least 1"
        raise ValueError(msg)
    if positions is not None and positions < len(rows):
        drawn = np.random.default_rng(seed).choice(rows, positions, replace=False)
        rows = np.sort(drawn)
    named = store.targets[store.target_index(target)]
    ordered = tuple(layer for layer in store.layers if layer in asked)
    return Extract(store, ordered, named, rows)


def optional(module: str, what: str) -> Any:
    """Import a library that only exports need.

    Returns: the library.
    """
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{what} needs {module.partition('.')[0]}"
        msg += "; pip install 'conceptlrp[export]'"
        raise ConceptLRPError(msg) from error
