"""What is known about the positions of a store: columns, labels and conditions.

Shapes use N positions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.store.labels import (
    columns_file,
    label_names,
    read_label,
    save_labels,
)
from conceptlrp.store.metadata import COLUMNS, Metadata
from conceptlrp.store.open_files import OpenFile
from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.shards import Selection, selected
from conceptlrp.store.stored_arrays import StoredArrays
from conceptlrp.store.where import Mask, Where

if TYPE_CHECKING:
    import pandas as pd

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

    def label(self, name: str) -> NDArray[Any]:
        """Read a column that was added to the positions.

        Returns (N,): one value a row.
        """
        if name not in self.label_names:
            known = ", ".join(self.label_names) or "none"
            msg = f"the store has no label '{name}', expected one of: {known}"
            raise ValueError(msg)
        with self._labels() as file:
            column = read_label(file, name, self._store.manifest.positions)
        return column if self._store.is_whole else column[self._store.ids]

    def add(self, columns: Mapping[str, ArrayLike], *, overwrite: bool = False) -> None:
        """Add columns to the positions, for conditions and tables.

        They are kept in one file in the folder of the store, until positions
        are appended.

        Shapes: `columns` (N,).
        """
        self._store.manifest = save_labels(
            self._store.path, columns, overwrite=overwrite
        )

    def mask(self, where: Condition) -> Mask:
        """Tell which rows meet a condition.

        Shapes: `where` (N,). Returns (N,): true where it is met.
        """
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
        """Return what is known about positions as a table, one row each.

        Returns: Indexed by the row of the store.
        """
        import pandas as pd

        read = self.read(columns, rows=rows, target=target)
        index = pd.Index(selected(rows, len(self._store)), name="row")
        return pd.DataFrame(read, index=index)

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        rows: Selection = None,
        target: int | str = 0,
    ) -> dict[str, NDArray[Any]]:
        """Return the columns of `frame` as arrays of shape (rows,), without pandas."""
        known = {"id", "explained", "square", "value", *COLUMNS, *self.label_names}
        names = [*_SHOWN, "explained", *self.label_names]
        if columns is not None:
            names = list(columns)
        for name in names:
            if name not in known:
                msg = (
                    f"the store has no column '{name}', expected one of "
                    f"{', '.join(sorted(known))}"
                )
                raise ValueError(msg)
        chosen = selected(rows, len(self._store))
        return {name: self._column(name, chosen, target) for name in names}

    def _column(
        self, name: str, rows: NDArray[np.int64], target: int | str
    ) -> NDArray[Any]:
        if name == "id":
            return self._store.ids[rows]
        if name == "explained":
            return self._arrays.explained(rows=rows, target=target)
        if name == "square":
            return self.metadata.moves(
                self._arrays.explained_square(rows=rows, target=target)
            )
        if name == "value":
            return self._arrays.value(rows=rows)
        if name in COLUMNS:
            return self.metadata.column(name, rows)
        return self.label(name)[rows]

    @property
    def _columns_file(self) -> str | None:
        """Name of the file of added columns as the folder has it now."""
        return columns_file(self._store.current_manifest())

    @contextmanager
    def _labels(self) -> Iterator[OpenFile]:
        with self._store.shards.opened(str(self._columns_file)) as file:
            yield file
