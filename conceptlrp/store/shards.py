"""Rows of a store's shards, read as if they were one array.

Shapes use N positions, n of them asked for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError

Array = NDArray[Any]
Selection: TypeAlias = (
    slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_] | None
)


@dataclass(frozen=True)
class Shards:
    """The shards of one store.

    Attributes
    ----------
    folder : Path
        Folder of the store.
    entries : tuple of dict
        ``file``, ``start``, ``stop`` and ``bytes`` of every shard.
    """

    folder: Path
    entries: tuple[dict[str, Any], ...]

    def check(self) -> None:
        """Raise `StoreError` for a shard that is missing or not whole."""
        for shard in self.entries:
            path = self.folder / shard["file"]
            found = path.stat().st_size if path.is_file() else None
            if found != shard["bytes"]:
                problem = "is missing" if found is None else f"has {found} bytes"
                msg = (
                    f"{path}: {problem}, expected {shard['bytes']} bytes; copy it "
                    "again or compute the store again"
                )
                raise StoreError(msg)

    def read(
        self,
        name: str,
        rows: NDArray[np.int64],
        index: tuple[int, ...] = (),
        columns: NDArray[np.int64] | None = None,
    ) -> Array:
        """Read rows of a dataset that every shard has a part of.

        Parameters
        ----------
        name : str
            Name of the dataset.
        rows : ndarray of shape (n,)
            Rows of the store in any order, repeated ones included.
        index : tuple of int
            Where along the axes behind the rows.
        columns : ndarray of shape (c,), optional
            What to take along the next axis, in any order; all by default.

        Returns
        -------
        ndarray of shape (n, c, ...)
            Held once in memory, besides one chunk of rows.
        """
        order = np.argsort(rows, kind="stable")
        result: Array | None = None
        for shard in self.entries:
            bounds = (shard["start"], shard["stop"])
            first, last = np.searchsorted(rows, bounds, sorter=order)
            if first == last and result is not None:
                continue
            places = order[first:last]
            with opened(self.folder / shard["file"]) as file:
                wanted = rows[places] - bounds[0]
                for at, part in _chunks(file[name], wanted, index, columns):
                    if result is None:
                        result = np.empty((len(rows), *part.shape[1:]), part.dtype)
                    result[places[at]] = part
        assert result is not None
        return result


def _chunks(
    dataset: Any,
    rows: NDArray[np.int64],
    index: tuple[int, ...],
    columns: NDArray[np.int64] | None,
) -> Iterator[tuple[slice, Array]]:
    """Read ascending rows so that no chunk of the file is unpacked twice.

    HDF5 takes ten times as long for scattered columns as for all between them.
    """
    height = dataset.chunks[0] if dataset.chunks else max(1, len(dataset))
    cuts = np.flatnonzero(np.diff(rows // height)) + 1
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        wanted = rows[first:last]
        between = _between(wanted)
        if columns is None:
            part = dataset[(between, *index)][wanted - between.start]
        else:
            across = _between(columns)
            part = dataset[(between, *index, across)][wanted - between.start]
            part = part[:, columns - across.start]
        yield slice(first, last), part


def _between(numbers: NDArray[np.int64]) -> slice:
    """Return the run that holds all numbers."""
    if len(numbers) == 0:
        return slice(0, 0)
    return slice(int(numbers.min()), int(numbers.max()) + 1)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file of a store; whatever damage does to HDF5 is a `StoreError`."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        msg = f"{path}: damaged or no part of a store ({reason}); compute it again"
        raise StoreError(msg) from error


def selected(selection: Selection, length: int) -> NDArray[np.int64]:
    """Return the numbers that a selection of `length` entries stands for.

    Parameters
    ----------
    selection : slice, sequence of int, ndarray of int or bool, or None
        What numpy accepts to index one axis; None takes all.
    length : int
        Entries to choose from.

    Raises
    ------
    IndexError
        For a number outside, or a mask of another length.

    Examples
    --------
    >>> selected(slice(None, None, -2), 5).tolist()
    [4, 2, 0]
    """
    every = np.arange(length)
    chosen: NDArray[np.int64] = every if selection is None else every[selection]
    if chosen.ndim != 1:
        msg = f"rows or channels have {chosen.ndim} dimensions, expected one"
        raise IndexError(msg)
    return chosen
