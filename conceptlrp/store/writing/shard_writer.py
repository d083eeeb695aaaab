"""Write shards and blocks of maps, in any process and any order, as often as needed.

Shapes use n positions of a shard, m of them with maps.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.files import clear_write_errors
from conceptlrp.store.format import schema
from conceptlrp.store.format.integrity import FileEntry
from conceptlrp.store.format.manifest import (
    Manifest,
    ShardSpec,
    current_manifest,
    entry_now,
    entry_of,
    is_intact,
    read_manifest,
    read_receipt,
    receipt_path,
    write_file,
    write_receipt,
)

_BLOCK = re.compile(r"maps-(\d{5,})\.h5")


def shards_of(path: str | os.PathLike[str]) -> list[ShardSpec]:
    """Return which positions every shard of a store holds, in order."""
    return read_manifest(Path(path)).shards()


def pending(path: str | os.PathLike[str], *, verify: bool = False) -> list[ShardSpec]:
    """Return the shards that are still to be computed, or again.

    They have no receipt, are missing, or have another size or hash.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    return [
        spec
        for spec in manifest.shards()
        if not is_finished(folder, manifest, spec.file, verify=verify)
    ]


def is_finished(
    folder: Path, manifest: Manifest, file: str, *, verify: bool = False
) -> bool:
    """Tell whether a shard or block is written and still what it was."""
    entry = entry_now(folder, manifest, file)
    return entry is not None and is_intact(folder, file, entry, verify=verify)


def write_shard(
    path: str | os.PathLike[str],
    spec: ShardSpec,
    arrays: Mapping[str, NDArray[Any]],
    *,
    rounding: Mapping[str, float] | None = None,
) -> FileEntry:
    """Write a shard's arrays (n, ...) and then its receipt.

    The same arrays give the same bytes, so it does no harm to write a shard twice.
    """
    folder = Path(path)
    manifest = current_manifest(folder)
    _check_arrays(manifest, spec, arrays)
    return _write(folder, manifest, spec.file, schema.SHARD, arrays, rounding)


def write_block(
    path: str | os.PathLike[str], number: int, arrays: Mapping[str, NDArray[Any]]
) -> FileEntry:
    """Write a block of maps of reference boards and then its receipt."""
    folder = Path(path)
    manifest = current_manifest(folder)
    return _write(folder, manifest, block_file(number), schema.BLOCK, arrays)


def pending_blocks(path: str | os.PathLike[str], n: int) -> list[int]:
    """Return which of n blocks of maps are still to be computed, by their hashes."""
    folder = Path(path)
    manifest = read_manifest(folder)
    return [
        number
        for number in range(n)
        if not is_finished(folder, manifest, block_file(number), verify=True)
    ]


def read_blocks(
    path: str | os.PathLike[str],
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Read the blocks of maps one after the other: number and arrays by name."""
    for file in block_files(Path(path)):
        arrays = schema.read_arrays(Path(path) / file, schema.BLOCK)
        yield int(Path(file).stem.rpartition("-")[2]), arrays


def block_file(number: int) -> str:
    """Name of the file of a block of maps."""
    return f"maps-{number:05d}.h5"


def block_files(folder: Path) -> list[str]:
    """Return the names of all blocks of maps in a folder, in order."""
    found = [p.name for p in folder.iterdir() if _BLOCK.fullmatch(p.name)]
    return sorted(found, key=lambda name: (len(name), name))


def _write(
    folder: Path,
    manifest: Manifest,
    file: str,
    kind: str,
    arrays: schema.Arrays,
    rounding: Mapping[str, float] | None = None,
) -> FileEntry:
    plan = manifest.plan
    content = schema.encode_arrays(arrays, kind, codec=manifest.codec, dtype=plan.dtype)
    entry = replace(entry_of(file, content), rounding=dict(rounding or {}))
    # A receipt must never speak of other bytes than those beside it.
    if read_receipt(folder, file, plan.fingerprint) != entry:
        with clear_write_errors(receipt_path(folder, file), StoreError):
            receipt_path(folder, file).unlink(missing_ok=True)
    if (folder / file).is_dir() and not (folder / file).is_symlink():
        _remove_folder(folder / file)
    write_file(folder, file, content)
    write_receipt(folder, file, plan.fingerprint, entry)
    return entry


def _remove_folder(path: Path) -> None:
    """Remove an empty folder that stands in the place of a file."""
    try:
        path.rmdir()
    except OSError as error:
        msg = f"{path}: is a folder with something in it, expected a file; move it away"
        raise StoreError(msg) from error


def _check_arrays(manifest: Manifest, spec: ShardSpec, arrays: schema.Arrays) -> None:
    """Raise `ValueError` unless the arrays are those of a shard of the plan."""
    rows = arrays.get("maps/rows")
    m = None if rows is None else len(rows)
    shapes = schema.expected_shapes(manifest.plan, manifest.board_size, len(spec), m)
    for name, shape in shapes.items():
        found = np.shape(arrays[name]) if name in arrays else None
        if found is None or not fits(found, shape):
            msg = f"{spec.file}: {name} has the shape {found}, expected {shape}"
            raise ValueError(msg)
    for name, array in arrays.items():
        # A network without a value head has no value.
        if name != "outputs/value" and not _is_finite(name, array, manifest):
            msg = (
                f"{spec.file}: {name} holds numbers that are not finite in "
                f"{manifest.plan.dtype}; check the network, or keep float32"
            )
            raise ValueError(msg)


def fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    """Tell whether a shape is the expected one, None standing for any length."""
    return len(found) == len(shape) and all(
        wanted is None or wanted == length
        for length, wanted in zip(found, shape, strict=True)
    )


def _is_finite(name: str, array: NDArray[Any], manifest: Manifest) -> bool:
    if array.dtype.kind != "f" or not array.size:
        return True
    largest = max(abs(float(array.min())), abs(float(array.max())))
    limit = np.finfo(schema.stored_type(name, array.dtype, manifest.plan.dtype)).max
    return largest <= float(limit)
