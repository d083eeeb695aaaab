"""Rows of a store's shards, read as if they were one array, from files kept open.

Shapes use N positions, n of them asked for.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors, dataset, dataset_names, inner_group, open_file
from conceptlrp.store.format import schema
from conceptlrp.store.format.integrity import FileEntry, Stamp, compared, damage, stamp
from conceptlrp.store.format.manifest import (
    Manifest,
    ShardSpec,
    entry_now,
    read_manifest,
)
from conceptlrp.store.results.kinds import remedy

# A chunk of dead channels packs to next to nothing.
_BEST_RATIO = 4096
_MOST = 256
_KINDS = {schema.INDEX: schema.INDEX_TABLE, schema.STATISTICS: schema.STATISTICS_TABLE}


class OpenFile:
    """One open file of a store and its datasets that were asked for.

    Its bytes are compared with an entry: those of blocks when they are read.
    """

    def __init__(self, path: Path, kind: str, entry: FileEntry) -> None:
        self.path = path
        by_blocks = entry.sums and not path.is_symlink()
        with clear_errors(path, StoreError):
            self.stamp = stamp(path.stat())
            if not by_blocks and (problem := damage(path, entry, again=False)):
                msg = f"{path}: {problem}"
                raise StoreError(msg)
            self._file = open_file(compared(path, entry) if by_blocks else path)
            schema.check_kind(self._file, kind)
        self._datasets: dict[str, h5py.Dataset] = {}
        self._groups: dict[str, h5py.Group] = {}

    @property
    def is_current(self) -> bool:
        """Whether the file was neither replaced nor written to since it was opened."""
        try:
            return stamp(self.path.stat()) == self.stamp
        except FileNotFoundError:
            return True

    def dataset(self, name: str) -> h5py.Dataset:
        """Return a dataset that is safe to read."""
        if name not in self._datasets:
            place, _, last = name.rpartition("/")
            if place not in self._groups:
                self._groups[place] = inner_group(self._file, place)
            found = dataset(self._groups[place], last, best_ratio=_BEST_RATIO)
            self._datasets[name] = found
        return self._datasets[name]

    def names(self) -> list[str]:
        """Return the names of all datasets, sorted."""
        return dataset_names(self._file)


class OpenFiles:
    """Files of a store; beyond a number of them the one used longest ago closes."""

    def __init__(self, folder: Path, manifest: Manifest, most: int = _MOST) -> None:
        self.folder, self.manifest = folder, manifest
        self.most = most
        self._current: tuple[Stamp, Manifest] | None = None
        self.clear()

    def __getitem__(self, name: str) -> OpenFile:
        # A file that is closed here stays open for those who still read from it.
        with self._lock:
            found = self._files.pop(name, None)
            if found is None or not found.is_current:
                found = self._open(name)
            self._files[name] = found
            if len(self._files) > self.most:
                del self._files[next(iter(self._files))]
        return found

    def _open(self, name: str) -> OpenFile:
        is_columns = (
            name.startswith(f"{schema.COLUMNS_KIND}-") or name == schema.FORMER_COLUMNS
        )
        kind = schema.COLUMNS_TABLE if is_columns else _KINDS.get(name, schema.SHARD)
        entry = self.entry(name)
        with self.clear_errors(name, entry):
            return OpenFile(self.folder / name, kind, entry)

    def entry(self, name: str) -> FileEntry:
        """Return what a file must be now, unless it is of another run than opened."""
        now = self.current_manifest()
        found, path = entry_now(self.folder, now, name), self.folder / name
        is_same = now.plan.fingerprint == self.manifest.plan.fingerprint
        if not is_same and found != self.manifest.files.get(name):
            msg = f"{path}: another run has written it meanwhile; open the store again"
            raise StoreError(msg)
        if found is None:
            msg = f"{path}: is not listed in the manifest; {remedy(self.folder, name)}"
            raise StoreError(msg)
        return found

    @contextmanager
    def clear_errors(self, name: str, entry: FileEntry | None = None) -> Iterator[None]:
        """Name the file in every error that reading it can raise, and its remedy."""
        try:
            with clear_errors(self.folder / name, StoreError):
                yield
        except StoreError as error:
            known = entry or self.current_manifest().files.get(name)
            msg = f"{error}; {remedy(self.folder, name, known)}"
            raise StoreError(msg) from error

    def current_manifest(self) -> Manifest:
        """Return the manifest as it stands now, read again where it was replaced."""
        try:
            found = stamp((self.folder / schema.MANIFEST).stat())
        except FileNotFoundError:
            # One that is being packed anew has none yet.
            return self.manifest
        if self._current is None or found != self._current[0]:
            self._current = found, read_manifest(self.folder)
        return self._current[1]

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "manifest": self.manifest, "most": self.most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

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
        return int(self._bounds[-1])

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        """The first row of every shard, and N."""
        return np.cumsum([0, *map(len, self.specs)])

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
        wanted = _run_or_rows(rows, len(self))
        if isinstance(wanted, range):
            return self._gather(self._run(name, wanted, index, across), len(wanted))
        return self._gather(self._some(name, wanted, index, across), len(wanted))

    def read_together(
        self, *asked: tuple[str, tuple[int, ...], NDArray[np.int64] | None]
    ) -> list[Array]:
        """Read all rows of datasets (name, index, columns), opening shards once."""
        runs = (
            self._run(n, range(len(self)), i, None if c is None else _across(c))
            for n, i, c in asked
        )
        tables: list[Array] = []
        for parts in zip(*runs, strict=True):
            tables = tables or [
                np.empty((len(self), *part.shape[1:]), part.dtype) for _, part in parts
            ]
            for table, (places, part) in zip(tables, parts, strict=True):
                table[places] = part
        return tables or [self.read(name) for name, _, _ in asked]

    def blocks(
        self, name: str, index: tuple[int, ...] = ()
    ) -> Iterator[tuple[int, Array]]:
        """Read a dataset shard by shard: the first row, and the block (rows, ...)."""
        for rows, block in self._run(name, range(len(self)), index, None):
            yield rows.start, block

    @contextmanager
    def opened(self, name: str) -> Iterator[OpenFile]:
        """Open a file; whatever is wrong with it is a `StoreError` that names it."""
        file = self.files[name]
        with self.files.clear_errors(name):
            yield file

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

    def _run(
        self, name: str, run: range, index: tuple[int, ...], across: Across | None
    ) -> Iterator[tuple[slice, Array]]:
        here = max(0, int(np.searchsorted(self._bounds, run.start, side="right")) - 1)
        for spec, begin in zip(self.specs[here:], self._bounds[here:], strict=False):
            inside = range(max(run.start, begin), min(run.stop, begin + len(spec)))
            if not inside:
                return
            rows = slice(inside.start - begin, inside.stop - begin)
            with self.opened(spec.file) as file:
                part = _part(_checked(file, name, spec), rows, index, across)
            yield slice(inside.start - run.start, inside.stop - run.start), part

    def _some(
        self,
        name: str,
        rows: NDArray[np.int64],
        index: tuple[int, ...],
        across: Across | None,
    ) -> Iterator[tuple[NDArray[np.int64], Array]]:
        order = np.argsort(rows, kind="stable")
        cuts = np.searchsorted(rows, self._bounds, sorter=order)
        # Even when no row is asked for, one shard says what shape rows have.
        touched = np.flatnonzero(np.diff(cuts)) if len(rows) else range(len(cuts) > 1)
        for i in touched:
            spec, places = self.specs[i], order[cuts[i] : cuts[i + 1]]
            with self.opened(spec.file) as file:
                dataset = _checked(file, name, spec)
                wanted = rows[places] - self._bounds[i]
                for at, part in _scattered(dataset, wanted, index, across):
                    yield places[at], part


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


def _run_or_rows(selection: Selection, length: int) -> range | NDArray[np.int64]:
    """Return a selection of rows as a run of them, where it is one and not empty."""
    if selection is None or isinstance(selection, slice):
        run = range(length)[selection or slice(None)]
        return run if run and run.step == 1 else selected(selection, length)
    rows = selected(selection, length)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return range(int(rows[0]), int(rows[-1]) + 1)
    return rows


def selected(selection: Selection, length: int) -> NDArray[np.int64]:
    """Return the numbers that a selection of `length` entries stands for.

    >>> selected(slice(None, None, -2), 5).tolist()
    [4, 2, 0]
    """
    if selection is None or isinstance(selection, slice):
        return np.arange(*(selection or slice(None)).indices(length))
    # NumPy checks the selection on an array that takes no memory: a read of few rows
    # must not cost as much as all.
    chosen = np.broadcast_to(np.int8(0), length)[selection]
    if chosen.ndim != 1:
        msg = f"rows or channels have {chosen.ndim} dimensions, expected one"
        raise IndexError(msg)
    given = np.asarray(selection)
    if given.dtype == np.bool_:
        return np.flatnonzero(given)
    return np.where(given < 0, given + length, given).astype(np.int64)
