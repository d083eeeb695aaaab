"""The part of a store that an export holds, read in blocks of rows.

Shapes use N exported positions, C channels and n x n squares. Exports go through
the positions in blocks of the same size, so that their memory does not grow with N
beyond what is known of each position, and that what they compute does not depend on
how the store is cut.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering import Clustering
from conceptlrp.errors import (
    ConceptLRPError,
    StoreError,
    check_known,
    check_least,
    check_names,
)
from conceptlrp.progress import OnProgress
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.relevance import relevance_of
from conceptlrp.runs.job import package_versions
from conceptlrp.staging import staged_folder
from conceptlrp.store import COLUMNS, Store, open_store
from conceptlrp.store.reader import AnyStore

if TYPE_CHECKING:
    import pandas as pd

#: Positions that are read at a time.
BLOCK = 4096
#: The file by which a folder is known to be an export.
MARKER = "conceptlrp-export.json"
#: What is known of every channel at every position.
QUANTITIES = ("relevance", "share", "activation")

_COLUMNS = ("id", *COLUMNS, "explained", "square", "value")


@dataclass(frozen=True)
class Selection:
    """What of a store is exported.

    Attributes
    ----------
    layers, target : sequence of str, int or str
        Names of layers, all by default, and the explained output.
    n_positions, seed : int, int
        Draw so many positions at random; all by default.
    on_progress : callable, optional
        Called with what is written, the positions done and in all.
    """

    layers: Sequence[str] | None = None
    target: int | str = 0
    n_positions: int | None = None
    seed: int = 0
    on_progress: OnProgress | None = None


@dataclass(frozen=True)
class Extract:
    """Layers, an explained output and rows (N,) of a store, ascending."""

    store: Store
    layers: tuple[str, ...]
    target: str
    rows: NDArray[np.int64]
    on_progress: OnProgress | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def results(self) -> StoredResults:
        """What was derived from the store for the output, as reports read it."""
        return StoredResults(self.store, self.target)

    def blocks(self, written: str = "positions", size: int = BLOCK) -> Iterator[slice]:
        """Cut the positions into blocks, the last one with what is left."""
        for start in range(0, len(self), size):
            block = slice(start, min(start + size, len(self)))
            yield block
            if self.on_progress is not None:
                self.on_progress(f"export {written}", block.stop, len(self))

    def read(self, quantity: str, layer: str, block: slice) -> NDArray[np.float32]:
        """Read one of `QUANTITIES` of a block, of shape (positions, C)."""
        asked = {} if quantity == "activation" else {"target": self.target}
        read: Callable[..., NDArray[np.float32]] = getattr(self.store.arrays, quantity)
        return read(layer, rows=self.rows[block], **asked)

    def frame(self, block: slice) -> "pd.DataFrame":
        """Return what is known of the positions of a block, indexed by row."""
        rows, corpus = self.rows[block], self.store.positions
        found = self.store.columns.frame(_COLUMNS, rows=rows, target=self.target)
        found["obf"] = [corpus.position(row).obf() for row in rows.tolist()]
        found["transcript"] = [corpus.transcript(row) for row in rows.tolist()]
        return found

    def labels(self, block: slice) -> "pd.DataFrame":
        """Return the labels of the positions of a block, indexed by row."""
        columns, rows = self.store.columns, self.rows[block]
        return columns.frame(columns.label_names, rows=rows, target=self.target)

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
            "baseline": made.baseline or {"kind": "zero"},
            "relevance": relevance_of(made.plan),
            "target": self.target,
            "layers": list(self.layers),
            "positions": len(self),
            "versions": made.versions,
            "command": made.command,
        }


def extract(store: AnyStore, chosen: Selection | None = None) -> Extract:
    """Read what is selected: layers in the order of the store, rows ascending."""
    store, chosen = open_store(store), chosen or Selection()
    asked = store.layers
    if chosen.layers is not None:
        asked = tuple(check_names(chosen.layers, "layers", "a layer"))
    for layer in asked:
        store.channels(layer)
    if not asked:
        msg = "no layer is given, expected one or more to export"
        raise ValueError(msg)
    if not len(store):
        msg = f"{store.path}: holds no positions yet, expected at least one to export"
        raise StoreError(msg)
    rows, count = np.arange(len(store)), chosen.n_positions
    if count is not None:
        check_least("n_positions", count)
    if count is not None and count < len(rows):
        random = np.random.default_rng(chosen.seed)
        rows = np.sort(random.choice(rows, count, replace=False))
    named = store.targets[store.target_index(chosen.target)]
    ordered = tuple(layer for layer in store.layers if layer in asked)
    return Extract(store, ordered, named, rows, chosen.on_progress)


def check_quantities(quantities: str | Sequence[str]) -> list[str]:
    """Return the quantities asked for; refuse what is not known of channels."""
    names = check_names(quantities, "quantities", "a quantity")
    for name in names:
        check_known("quantity", name, QUANTITIES)
    return names


@contextmanager
def export_folder(
    out: str | os.PathLike[str], chosen: Extract, kind: str, *, overwrite: bool
) -> Iterator[Path]:
    """Write a folder that appears complete or not at all, with its marker."""
    about = {"format": kind, **chosen.provenance()}
    with staged_folder(
        out, marker=MARKER, kind="conceptlrp-export", about=about, overwrite=overwrite
    ) as folder:
        yield folder


def optional(module: str, what: str) -> Any:
    """Import a library that only exports need."""
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{what} needs {module.partition('.')[0]}"
        msg += "; pip install 'conceptlrp[export]'"
        raise ConceptLRPError(msg) from error
