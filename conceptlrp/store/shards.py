"""Rows of a store's shards, read as if they were one array, from files kept open.

Shapes use N positions, n of them asked for.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors, dataset, dataset_names, open_file
from conceptlrp.store.format import schema
from conceptlrp.store.format.manifest import ShardSpec

# A chunk of dead channels packs to next to nothing.
_BEST_RATIO = 4096
_MOST = 256
_KINDS = {schema.INDEX: schema.INDEX_TABLE, schema.STATISTICS: schema.STATISTICS_TABLE}


class OpenFile:
    """One open file of a store and its datasets that were asked for."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        if path.is_symlink():
            msg = f"{path}: is refused: it is a link"
            raise StoreError(msg)
        with clear_errors(path, StoreError):
            self._file = open_file(path)
            schema.check_kind(self._file, kind)
        self._datasets: dict[str, h5py.Dataset] = {}

    def dataset(self, name: str) -> h5py.Dataset:
        """Return a dataset that is safe to read."""
        if name not in self._datasets:
            found = dataset(self._file, name, best_ratio=_BEST_RATIO)
            self._datasets[name] = found
        return self._datasets[name]

    def names(self) -> list[str]:
        """Return the names of all datasets, sorted."""
        return dataset_names(self._file)


class OpenFiles:
    """Files of one folder; beyond a number of them the one used longest ago closes."""

    def __init__(self, folder: Path, most: int = _MOST) -> None:
        self.folder = folder
        self.most = most
        self.clear()

    def __getitem__(self, name: str) -> OpenFile:
        # A file that is closed here stays open for those who still read from it.
        with self._lock:
            found = self._files.pop(name, None) or self._open(name)
            self._files[name] = found
            if len(self._files) > self.most:
                del self._files[next(iter(self._files))]
        return found

    def _open(self, name: str) -> OpenFile:
        is_columns = (
            name.startswith(f"{schema.COLUMNS_KIND}-") or name == schema.FORMER_COLUMNS
        )
        kind = schema.COLUMNS_TABLE if is_columns else _KINDS.get(name, schema.SHARD)
        return OpenFile(self.folder / name, kind)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "most": self.most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder = state["folder"]
        self.most = state["most"]
        self.clear()

    def clear(self) -> None:
        """Close all files."""
        self._files: dict[str, OpenFile] = {}
        self._lock = threading.Lock()


Array = NDArray[Any]
Across: TypeAlias = tuple[slice, NDArray[np.int64] | None]
Selection: TypeAlias = (
    slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_] | None
)


@dataclass(frozen=True)
class Shards:
    """The readable shards of one store: which positions each holds, in order."""

    files: OpenFiles
    specs: tuple[ShardSpec, ...]

    def __len__(self) -> int:
        return sum(map(len, self.specs))

    def ids(self) -> NDArray[np.int64]:
        """Return the position of every row, of shape (N,)."""
        empty = np.empty(0, np.int64)
        ranges = (np.arange(spec.start, spec.stop) for spec in self.specs)
        return np.concatenate([empty, *ranges])

    def read(
        self,
        name: str,
        rows: Selection = None,
        index: tuple[int, ...] = (),
        columns: NDArray[np.int64] | None = None,
    ) -> Array:
        """Read rows of a dataset that every shard has a part of, (n, c, ...).

        `columns` are (c,). Memory holds the answer once, and one chunk of rows.
        """
        across = None if columns is None else _across(columns)
        if rows is None:
            return self._gather(self._all(name, index, across), len(self))
        wanted = selected(rows, len(self))
        return self._gather(self._some(name, wanted, index, across), len(wanted))

    def blocks(
        self, name: str, index: tuple[int, ...] = ()
    ) -> Iterator[tuple[int, Array]]:
        """Read a dataset shard by shard: the first row, and the block (rows, ...)."""
        for rows, block in self._all(name, index, None):
            yield rows.start, block

    @contextmanager
    def opened(self, name: str) -> Iterator[OpenFile]:
        """Open a file; whatever is wrong with it is a `StoreError` that names it."""
        try:
            with clear_errors(self.files.folder / name, StoreError):
                yield self.files[name]
        except StoreError as error:
            msg = f"{error}; {schema.REMEDY}"
            raise StoreError(msg) from error

    def _gather(self, parts: Iterator[tuple[Any, Array]], n: int) -> Array:
        result: Array | None = None
        for places, part in parts:
            if result is None:
                result = np.empty((n, *part.shape[1:]), part.dtype)
            result[places] = part
        if result is None:
            msg = f"{self.files.folder}: no shard of the store is readable"
            raise StoreError(msg)
        return result

    def _all(
        self, name: str, index: tuple[int, ...], across: Across | None
    ) -> Iterator[tuple[slice, Array]]:
        first = 0
        for spec in self.specs:
            with self.opened(spec.file) as file:
                dataset = _checked(file, name, spec)
                part = _part(dataset, slice(0, len(spec)), index, across)
            yield slice(first, first + len(spec)), part
            first += len(spec)

    def _some(
        self,
        name: str,
        rows: NDArray[np.int64],
        index: tuple[int, ...],
        across: Across | None,
    ) -> Iterator[tuple[NDArray[np.int64], Array]]:
        order = np.argsort(rows, kind="stable")
        first = 0
        for spec in self.specs:
            low, high = np.searchsorted(rows, (first, first + len(spec)), sorter=order)
            places = order[low:high]
            # Even when no row is asked for, one shard says what shape rows have.
            if len(places) or (first == 0 and not len(rows)):
                wanted = rows[places] - first
                with self.opened(spec.file) as file:
                    dataset = _checked(file, name, spec)
                    for at, part in _scattered(dataset, wanted, index, across):
                        yield places[at], part
            first += len(spec)


def _checked(file: OpenFile, name: str, spec: ShardSpec) -> Any:
    """Return a dataset that has a row for every position of its shard."""
    dataset = file.dataset(name)
    if not dataset.shape or dataset.shape[0] != len(spec):
        msg = (
            f"is damaged: {name} has the shape {dataset.shape}, expected {len(spec)} "
            "rows"
        )
        raise StoreError(msg)
    return dataset


def _scattered(
    dataset: Any, rows: NDArray[np.int64], index: tuple[int, ...], across: Across | None
) -> Iterator[tuple[slice, Array]]:
    """Read ascending rows so that no chunk of the file is unpacked twice."""
    height = dataset.chunks[0] if dataset.chunks else max(1, len(dataset))
    cuts = np.flatnonzero(np.diff(rows // height)) + 1
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        wanted = rows[first:last]
        between = _between(wanted)
        part = _part(dataset, between, index, across)
        yield slice(first, last), part[wanted - between.start]


def _part(
    dataset: Any, rows: slice, index: tuple[int, ...], across: Across | None
) -> Array:
    """Read a run of rows."""
    if across is None:
        whole: Array = dataset[(rows, *index)]
        return whole
    run, inside = across
    part: Array = dataset[(rows, *index, run)]
    return part if inside is None else part[:, inside]


def _across(columns: NDArray[np.int64]) -> Across:
    """Return the run that holds all columns, and where in it they are.

    HDF5 takes ten times as long for scattered columns as for all between them.
    """
    run = _between(columns)
    is_run = np.array_equal(columns, np.arange(run.start, run.stop))
    return run, None if is_run else columns - run.start


def _between(numbers: NDArray[np.int64]) -> slice:
    """Return the run that holds all numbers."""
    if len(numbers) == 0:
        return slice(0, 0)
    return slice(int(numbers.min()), int(numbers.max()) + 1)


def selected(selection: Selection, length: int) -> NDArray[np.int64]:
    """Return the numbers that a selection of `length` entries stands for.

    >>> selected(slice(None, None, -2), 5).tolist()
    [4, 2, 0]
    """
    every = np.arange(length)
    chosen: NDArray[np.int64] = every if selection is None else every[selection]
    if chosen.ndim != 1:
        msg = f"rows or channels have {chosen.ndim} dimensions, expected one"
        raise IndexError(msg)
    return chosen
