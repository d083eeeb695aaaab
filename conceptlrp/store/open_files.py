"""HDF5 files kept open, the ones used last, so that queries open them once."""

import threading
from pathlib import Path
from typing import Any

import h5py

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors, dataset, dataset_names, open_file
from conceptlrp.store.format.arrays import check_kind
from conceptlrp.store.format.schema import (
    COLUMNS_KIND,
    COLUMNS_TABLE,
    FORMER_COLUMNS,
    INDEX,
    INDEX_TABLE,
    SHARD,
    STATISTICS,
    STATISTICS_TABLE,
)

# A chunk of dead channels packs to next to nothing.
_BEST_RATIO = 4096
_MOST = 256
_KINDS = {INDEX: INDEX_TABLE, STATISTICS: STATISTICS_TABLE}


class OpenFile:
    """One open file of a store and its datasets that were asked for."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        if path.is_symlink():
            msg = f"{path}: is refused: it is a link"
            raise StoreError(msg)
        with clear_errors(path, StoreError):
            self._file = open_file(path)
            check_kind(self._file, kind)
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
        is_columns = name.startswith(f"{COLUMNS_KIND}-") or name == FORMER_COLUMNS
        kind = COLUMNS_TABLE if is_columns else _KINDS.get(name, SHARD)
        return OpenFile(self.folder / name, kind)

    def forget(self, name: str) -> None:
        """Close a file that has been replaced."""
        with self._lock:
            self._files.pop(name, None)

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
