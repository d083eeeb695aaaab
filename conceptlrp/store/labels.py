"""Columns that are added to the positions of a store, such as concept labels.

Shapes use N positions.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store.format.arrays import encode_arrays
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import Manifest, read_manifest
from conceptlrp.store.format.receipts import is_intact
from conceptlrp.store.format.schema import COLUMNS_KIND, COLUMNS_TABLE, FORMER_COLUMNS
from conceptlrp.store.metadata import COLUMNS
from conceptlrp.store.open_files import OpenFile
from conceptlrp.store.results.replacing import listed, replace_listed

Columns = dict[str, NDArray[Any]]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:+-]{0,99}")
_TAKEN = {*COLUMNS, "id", "explained", "square", "value"}
_END = "/values"
_ABOUT = {"kind": COLUMNS_KIND}


def save_labels(
    folder: Path, columns: Mapping[str, ArrayLike], *, overwrite: bool = False
) -> Manifest:
    """Add columns to those of a complete store.

    Shapes: `columns` (N,). Returns: with the file of the columns in its table.
    """
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
        return _write(folder, manifest, {**kept, **added})


def columns_file(manifest: Manifest) -> str | None:
    """Return the name of the file of added columns, None where there is none."""
    former = FORMER_COLUMNS if FORMER_COLUMNS in manifest.files else None
    return listed(manifest, _ABOUT) or former


def label_names(file: OpenFile) -> list[str]:
    """Return the names of the columns in a file of labels, sorted."""
    return [n.removesuffix(_END) for n in file.names() if n.endswith(_END)]


def read_label(file: OpenFile, name: str, n: int) -> NDArray[Any]:
    """Read one column.

    Returns (n,): as it was added.
    """
    found = file.dataset(f"{name}{_END}")
    if found.shape != (n,) or found.dtype.kind not in "biuf":
        msg = (
            f"is damaged: label '{name}' is {found.dtype} of shape {found.shape}, "
            f"expected ({n},)"
        )
        raise StoreError(msg)
    column: NDArray[Any] = found[()]
    return column


def _kept(folder: Path, manifest: Manifest, *, overwrite: bool) -> Columns:
    """Read the columns that are there; damaged ones are given up to be overwritten."""
    name = columns_file(manifest)
    if name is None:
        return {}
    if is_intact(folder, name, manifest.files[name], verify=True):
        file = OpenFile(folder / name, COLUMNS_TABLE)
        return {n: read_label(file, n, manifest.positions) for n in label_names(file)}
    if overwrite:
        return {}
    msg = f"{folder / name}: is missing or damaged; add all columns anew with overwrite"
    raise StoreError(msg)


def _write(folder: Path, manifest: Manifest, columns: Columns) -> Manifest:
    arrays = {f"{name}{_END}": column for name, column in columns.items()}
    codec, dtype = manifest.codec, manifest.plan.dtype
    content = encode_arrays(arrays, COLUMNS_TABLE, codec=codec, dtype=dtype)
    return replace_listed(folder, manifest, _ABOUT, content)


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
