"""Write a relevance store: all of it, or nothing.

Everything is written into a hidden folder beside the final one, which takes
its name only when the manifest is complete, so an interrupted run leaves no
store that looks finished.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
from numpy.typing import NDArray

from conceptlrp.errors import OutputExistsError
from conceptlrp.othello import Corpus
from conceptlrp.store.schema import (
    CORPUS,
    MANIFEST,
    REFERENCES,
    Manifest,
    as_storable,
    dataset_options,
)

# From HDF5 1.10 on, what describes the data carries checksums. Without them a
# damaged file can crash the library instead of being refused.
_HDF5_FORMAT = ("v110", "v110")


class StoreWriter:
    """A store being written, used as a context manager.

    Parameters
    ----------
    path : path-like
        Where the store shall stand.
    overwrite : bool
        Replace a store that stands there, once the new one is complete.

    Raises
    ------
    OutputExistsError
        When something stands at `path` and must not be replaced.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, overwrite: bool = False
    ) -> None:
        self.path = Path(path)
        self.overwrite = overwrite
        self._check_place()
        self.staging = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        self.shards: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self.staging.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(self.path)

    def write_corpus(self, corpus: Corpus) -> None:
        """Write the positions that the rows are about."""
        corpus.save(self.staging / CORPUS)

    def write_shard(self, start: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the next rows of everything.

        Parameters
        ----------
        start : int
            Row of the first position.
        arrays : mapping of str to ndarray of shape (n, ...)
            Contents by dataset name, such as "layers/conv3/relevance".
        """
        path = self.staging / f"shard-{len(self.shards):05d}.h5"
        write_arrays(path, arrays)
        n_rows = len(next(iter(arrays.values())))
        entry = {"file": path.name, "start": start, "stop": start + n_rows}
        content = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        self.shards.append({**entry, **content})

    def write_references(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the tables and maps of the reference boards."""
        write_arrays(self.staging / REFERENCES, arrays)

    def write_manifest(self, manifest: Manifest) -> None:
        """Describe what has been written so far, which makes it readable."""
        path = self.staging / MANIFEST
        path.write_text(manifest.to_json(), encoding="utf-8")
        _sync(path)

    def finish(self) -> Path:
        """Give the store its name and return its path.

        Raises
        ------
        OutputExistsError
            When something has come to stand there since the writing began.
        """
        self._check_place()
        _sync(self.staging)
        former = self.staging.with_name(f"{self.staging.name}.old")
        if self.path.exists():
            self.path.rename(former)
        try:
            self.staging.replace(self.path)
        except OSError:
            if former.exists():
                former.rename(self.path)
            raise
        shutil.rmtree(former, ignore_errors=True)
        _sync(self.path.parent)
        return self.path

    def _check_place(self) -> None:
        """Refuse a place that is taken; only a store may be replaced."""
        if not self.path.exists() or (
            self.overwrite and (self.path / MANIFEST).is_file()
        ):
            return
        reason = "is no store and not replaced; choose another name"
        if not self.overwrite:
            reason = "already exists; choose another name or ask to overwrite it"
        msg = f"{self.path}: {reason}"
        raise OutputExistsError(msg)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays into a new HDF5 file whose bytes depend on nothing else."""
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with h5py.File(content, "w", libver=_HDF5_FORMAT) as file:
        for name, array in arrays.items():
            file.create_dataset(
                name,
                data=as_storable(array),
                track_times=False,
                **dataset_options(array),
            )
    path.write_bytes(content.getbuffer())
    _sync(path)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
