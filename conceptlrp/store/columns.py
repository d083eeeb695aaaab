"""What is known about the positions of a store: columns, labels and conditions.

Shapes use N positions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import OutputExistsError, StoreError, check_least, check_names
from conceptlrp.late import pd
from conceptlrp.store.arrays import StoredArrays
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import Manifest, is_intact, read_manifest
from conceptlrp.store.format.schema import COLUMNS_TABLE, encode_arrays
from conceptlrp.store.metadata import COLUMNS, Mask, Metadata, Where
from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.results.kinds import (
    COLUMNS_ABOUT,
    columns_file,
    replace_listed,
    whole_file,
)
from conceptlrp.store.shards import OpenFile, Selection, selected

#: A condition on positions, or which of them, as a mask of shape (N,).
Condition: TypeAlias = Where | NDArray[np.bool_] | None
_SHOWN = ("id", "game", "ply", "mover", "black", "white", "year", "played", "outcome")


class StoredColumns:
    """What is known about every position, as `store.columns`."""

    def __init__(self, store: OpenedStore, arrays: StoredArrays) -> None:
        self._store, self._arrays = store, arrays

    @cached_property
    def metadata(self) -> Metadata:
        """Columns of the positions, each read when it is first asked for."""
        ids = None if self._store.is_whole else self._store.ids
        return Metadata(self._store.path, self._store.manifest, ids)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the columns that were added to the positions, sorted."""
        if self._columns_file is None:
            return ()
        with self._labels() as file:
            return tuple(label_names(file))

    def label(self, name: str, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """Read a column that was added to the positions, of all or some rows."""
        if name not in self.label_names:
            known = ", ".join(self.label_names)
            cure = f", expected one of: {known}" if known else ""
            cure = cure or " as none was written yet; run 'conceptlrp label' first"
            msg = f"the store has no label '{name}'{cure}"
            raise ValueError(msg)
        if not self._store.is_whole:
            rows = self._store.ids if rows is None else self._store.ids[rows]
        with self._labels() as file:
            return read_label(file, name, self._store.manifest.positions, rows)

    def add(self, columns: Mapping[str, ArrayLike], *, overwrite: bool = False) -> None:
        """Add columns (N,) to the positions, for conditions and tables.

        They are kept in one file in the folder of the store, until positions are
        appended.
        """
        self._store.manifest = save_labels(
            self._store.path, columns, overwrite=overwrite
        )

    def mask(self, where: Condition) -> Mask:
        """Tell which rows (N,) meet a condition."""
        if where is None:
            return np.ones(len(self._store), np.bool_)
        if isinstance(where, Where):
            return where.mask(self.metadata, self.label)
        found = np.asarray(where)
        if found.shape != (len(self._store),) or found.dtype != np.bool_:
            msg = (
                f"where is {found.dtype} of shape {found.shape}, expected bool of "
                f"shape ({len(self._store)},) or conditions"
            )
            raise ValueError(msg)
        return found

    def frame(
        self,
        columns: Sequence[str] | None = None,
        *,
        rows: Selection = None,
        target: int | str = 0,
    ) -> "pd.DataFrame":
        """Return what is known about positions as a table, indexed by their row.

        A row takes 150 bytes with all columns; `frames` holds some rows at a time.
        """
        return self._frame(columns, selected(rows, len(self._store)), target)

    def frames(
        self,
        columns: Sequence[str] | None = None,
        *,
        count: int = 1 << 16,
        where: Condition = None,
        target: int | str = 0,
    ) -> Iterator["pd.DataFrame"]:
        """Go through the table of `frame` in parts of `count` rows.

        `where`, conditions or a mask (N,), leaves out the rows that it is not true of.
        Memory does not grow with N but for a byte a row.
        """
        check_least("count", count)
        met = None if where is None else self.mask(where)
        for first in range(0, len(self._store), count):
            rows = np.arange(first, min(first + count, len(self._store)))
            rows = rows if met is None else rows[met[rows]]
            if len(rows):
                yield self._frame(columns, rows, target)

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        rows: Selection = None,
        target: int | str = 0,
    ) -> dict[str, NDArray[Any]]:
        """Return the columns of `frame` as arrays of shape (rows,), without pandas."""
        chosen = None if rows is None else selected(rows, len(self._store))
        read = {n: self._column(n, chosen, target) for n in self._checked(columns)}
        return {n: c[0][c[1]] if isinstance(c, tuple) else c for n, c in read.items()}

    def _frame(
        self, columns: Sequence[str] | None, rows: NDArray[np.int64], target: int | str
    ) -> "pd.DataFrame":
        read = {n: self._column(n, rows, target) for n in self._checked(columns)}
        known = {n: _shared(*c) if isinstance(c, tuple) else c for n, c in read.items()}
        return pd.DataFrame(known, index=pd.Index(rows, name="row"))

    def _checked(self, columns: Sequence[str] | None) -> Sequence[str]:
        """Return the columns that are asked for, or all but a few."""
        known = {"id", "explained", "square", "value", *COLUMNS, *self.label_names}
        names: Sequence[str] = [*_SHOWN, "explained", *self.label_names]
        if columns is not None:
            names = check_names(columns, "columns", "a column")
        for name in names:
            if name not in known:
                msg = (
                    f"the store has no column '{name}', expected one of "
                    f"{', '.join(sorted(known))}"
                )
                raise ValueError(msg)
        return names

    def _column(
        self, name: str, rows: NDArray[np.int64] | None, target: int | str
    ) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]:
        """Read a column of some rows, or words and which of them each row has."""
        if name == "id":
            chosen = selected(None, len(self._store)) if rows is None else rows
            return chosen if self._store.is_whole else self._store.ids[chosen]
        if name == "explained":
            return self._arrays.explained(rows=rows, target=target)
        if name == "square":
            squares = self._arrays.explained_square(rows=rows, target=target)
            return self.metadata.coded_moves(squares)
        if name == "value":
            return self._arrays.value(rows=rows)
        if name in COLUMNS:
            return self.metadata.coded(name, rows)
        return self.label(name, rows)

    @property
    def _columns_file(self) -> str | None:
        """Name of the file of added columns as the folder has it now."""
        return columns_file(self._store.current_manifest())

    def _labels(self) -> AbstractContextManager[OpenFile]:
        return self._store.shards.opened(str(self._columns_file))


def _shared(words: NDArray[Any], which: NDArray[Any]) -> NDArray[Any]:
    """Return words by number as objects that rows share; text would be copied."""
    if len(which) < len(words):
        used, which = np.unique(which, return_inverse=True)
        words = words[used]
    shared: NDArray[Any] = words.astype(object) if words.dtype.kind == "U" else words
    found: NDArray[Any] = shared[which]
    return found


Columns = dict[str, NDArray[Any]]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:+-]{0,99}")
_TAKEN = {*COLUMNS, "id", "explained", "square", "value"}
_END = "/values"


def save_labels(
    folder: Path, columns: Mapping[str, ArrayLike], *, overwrite: bool = False
) -> Manifest:
    """Add columns (N,) to those of a complete store, and return its new manifest."""
    with run_lock(folder):
        manifest = read_manifest(folder)
        if not manifest.is_complete:
            msg = f"{folder}: the run is not complete; resume it before it gets labels"
            raise StoreError(msg)
        added = {
            name: _checked(name, column, manifest) for name, column in columns.items()
        }
        kept = _kept(folder, manifest, overwrite=overwrite)
        for name in added.keys() & kept.keys():
            if not overwrite:
                msg = f"{folder}: has a label '{name}' already; ask to overwrite it"
                raise OutputExistsError(msg)
        arrays = {f"{name}{_END}": column for name, column in {**kept, **added}.items()}
        codec, dtype = manifest.codec, manifest.plan.dtype
        content = encode_arrays(arrays, COLUMNS_TABLE, codec=codec, dtype=dtype)
        return replace_listed(folder, manifest, COLUMNS_ABOUT, content)


def label_names(file: OpenFile) -> list[str]:
    """Return the names of the columns in a file of labels, sorted."""
    return [n.removesuffix(_END) for n in file.names() if n.endswith(_END)]


def read_label(
    file: OpenFile, name: str, n: int, rows: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Read some rows of a column (n,), or all, as it was added."""
    found = file.dataset(f"{name}{_END}")
    if found.shape != (n,) or found.dtype.kind not in "biuf":
        msg = (
            f"is damaged: label '{name}' is {found.dtype} of shape {found.shape}, "
            f"expected ({n},)"
        )
        raise StoreError(msg)
    if rows is None or not len(rows):
        column: NDArray[Any] = found[slice(None if rows is None else 0)]
        return column
    first = int(rows.min())
    part: NDArray[Any] = found[first : int(rows.max()) + 1]
    return part[rows - first]


def _kept(folder: Path, manifest: Manifest, *, overwrite: bool) -> Columns:
    """Read the columns that are there; damaged ones are given up to be overwritten."""
    name = columns_file(manifest)
    if name is None:
        return {}
    if overwrite and not is_intact(folder, name, manifest.files[name], verify=True):
        return {}
    path = whole_file(folder, manifest, name)
    file = OpenFile(path, COLUMNS_TABLE, manifest.files[name])
    return {n: read_label(file, n, manifest.positions) for n in label_names(file)}


def _checked(name: str, column: ArrayLike, manifest: Manifest) -> NDArray[Any]:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        msg = (
            f"label '{name}' cannot have this name; take letters, digits and _.:+- "
            "that name no column of every store"
        )
        raise ValueError(msg)
    values = np.asarray(column)
    if values.shape != (manifest.positions,) or values.dtype.kind not in "biuf":
        msg = (
            f"label '{name}' is {values.dtype} of shape {values.shape}, expected bool, "
            f"int or float of shape ({manifest.positions},)"
        )
        raise ValueError(msg)
    return values
