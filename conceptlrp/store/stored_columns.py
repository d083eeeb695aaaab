"""What is known about the positions of a store: columns, labels and conditions.

Shapes use N positions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.store.labels import label_names, read_label, save_labels
from conceptlrp.store.metadata import COLUMNS, Metadata
from conceptlrp.store.open_files import OpenFile
from conceptlrp.store.schema import LABELS
from conceptlrp.store.shards import Selection, selected
from conceptlrp.store.stored_arrays import StoredArrays
from conceptlrp.store.where import Mask, Where

if TYPE_CHECKING:
    import pandas as pd

#: A condition on positions, or which of them, as a mask of shape (N,).
Condition: TypeAlias = Where | NDArray[np.bool_] | None
_SHOWN = ("id", "game", "ply", "mover", "black", "white", "year", "played", "outcome")


class StoredColumns(StoredArrays):
    """Relevance of a corpus with what is known about the positions."""

    @cached_property
    def metadata(self) -> Metadata:
        """Columns of the positions, each read when it is first asked for."""
        ids = None if self.is_whole else self.ids
        return Metadata(self.path, self.manifest, ids)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the columns that were added to the positions, sorted."""
        if LABELS not in self.manifest.files:
            return ()
        with self._labels() as file:
            return tuple(label_names(file))

    def label(self, name: str) -> NDArray[Any]:
        """Read a column that was added to the positions.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        ndarray of bool, int or float of shape (N,)
            One value a row.

        Raises
        ------
        ValueError
            When there is none of this name.
        """
        if name not in self.label_names:
            known = ", ".join(self.label_names) or "none"
            msg = f"the store has no label '{name}', expected one of: {known}"
            raise ValueError(msg)
        with self._labels() as file:
            column = read_label(file, name, self.manifest.positions)
        return column if self.is_whole else column[self.ids]

    def add_labels(
        self, columns: Mapping[str, ArrayLike], *, overwrite: bool = False
    ) -> None:
        """Add columns to the positions, for conditions and tables.

        They are kept in ``labels.h5`` in the folder of the store, until positions
        are appended.

        Parameters
        ----------
        columns : mapping of str to array of bool, int or float of shape (N,)
            By name. Floats are stored as float32, nan being unknown.
        overwrite : bool
            Replace columns of the same names.

        Raises
        ------
        OutputExistsError
            When there is a column of a name and it must not be replaced.
        StoreError
            When the store is not complete or cannot be written.
        ValueError
            For a name, a length or values that no column can have.
        """
        self.manifest = save_labels(self.path, columns, overwrite=overwrite)
        self._shards.files.forget(LABELS)

    def mask(self, where: Condition) -> Mask:
        """Tell which rows meet a condition.

        Parameters
        ----------
        where : Where, ndarray of bool of shape (N,), or None
            What is asked; None takes all.

        Returns
        -------
        ndarray of bool of shape (N,)
            True where it is met.

        Raises
        ------
        ValueError
            For a mask of another shape or type, or a label that is not there.
        """
        if where is None:
            return np.ones(len(self), np.bool_)
        if isinstance(where, Where):
            return where.mask(self.metadata, self.label)
        found = np.asarray(where)
        if found.shape != (len(self),) or found.dtype != np.bool_:
            msg = (
                f"where is {found.dtype} of shape {found.shape}, expected bool of "
                f"shape ({len(self)},) or conditions"
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

        Parameters
        ----------
        columns : sequence of str, optional
            What to read, in this order: "id", the columns of
            `conceptlrp.store.COLUMNS`, "explained" and "square" (value and move of
            the target), "value" (the network's) and labels. By default id, game,
            ply, mover, players, year, move, outcome, explained and all labels.
        rows : slice, sequence of int or ndarray of int or bool, optional
            Rows of the store; all by default.
        target : int or str
            Index or name of the target of "explained" and "square".

        Returns
        -------
        DataFrame
            Indexed by the row of the store.

        Raises
        ------
        ValueError
            When there is no column of a name; nothing was read then.
        """
        import pandas as pd

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
        chosen = selected(rows, len(self))
        read = {name: self._frame_column(name, chosen, target) for name in names}
        return pd.DataFrame(read, index=pd.Index(chosen, name="row"))

    def _frame_column(
        self, name: str, rows: NDArray[np.int64], target: int | str
    ) -> NDArray[Any]:
        if name == "id":
            return self.ids[rows]
        if name == "explained":
            return self.explained(rows=rows, target=target)
        if name == "square":
            return self.metadata.moves(self.explained_square(rows=rows, target=target))
        if name == "value":
            return self.value(rows=rows)
        if name in COLUMNS:
            return self.metadata.column(name, rows)
        return self.label(name)[rows]

    @contextmanager
    def _labels(self) -> Iterator[OpenFile]:
        with self._shards.opened(LABELS) as file:
            yield file
