"""The end of a run: what follows from all shards, and the table of all files.

Shapes use N positions, C channels and k rows.
"""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import HDF5_FORMAT
from conceptlrp.othello import Corpus
from conceptlrp.store.format import schema
from conceptlrp.store.format.integrity import FileEntry
from conceptlrp.store.format.manifest import (
    COMPLETE,
    Manifest,
    entry_now,
    is_intact,
    read_manifest,
    write_file,
    write_manifest,
)
from conceptlrp.store.ranking import CHANNEL_SCORES, RunningTop, score_blocks
from conceptlrp.store.shards import Array, OpenFiles, Shards
from conceptlrp.store.writing.shard_writer import is_finished
from conceptlrp.store.writing.writer import load_positions, remove_others

# Shards are gone through once a score; opening one takes longer than reading it.
_OPEN_FILES = 128


def finish_run(
    path: str | os.PathLike[str], *, references: schema.Arrays | None = None
) -> Path:
    """Derive what follows from all shards and declare a store complete.

    It can be called again at any time: the same shards give the same bytes.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    given = (manifest.corpus_file, manifest.baseline_file)
    files = {name: manifest.files[name] for name in given if name is not None}
    files |= _shard_entries(folder, manifest)
    files |= _references(folder, manifest, references)
    files |= _statistics(folder, manifest)
    files[schema.INDEX] = write_index(folder, manifest)
    # Labels, clusterings and so on stay, damaged or not: `check` says of what is
    # damaged which verb makes it anew.
    files |= {
        n: e for n, e in manifest.files.items() if not schema.RUN_FILE.fullmatch(n)
    }
    done = manifest.with_files(files, state=COMPLETE)
    write_manifest(folder, done)
    remove_others(folder, done)
    return folder


def has_references(path: str | os.PathLike[str]) -> bool:
    """Tell whether the reference boards that a plan asks for, if any, are intact."""
    folder = Path(path)
    manifest = read_manifest(folder)
    return not manifest.plan.references or _is_listed(
        folder, manifest, schema.REFERENCES
    )


def _write_table(
    folder: Path, manifest: Manifest, file: str, kind: str, arrays: schema.Arrays
) -> dict[str, FileEntry]:
    dtype = manifest.plan.dtype
    content = schema.encode_arrays(arrays, kind, codec=manifest.codec, dtype=dtype)
    return {file: write_file(folder, file, content)}


def _is_listed(folder: Path, manifest: Manifest, file: str) -> bool:
    entry = manifest.files.get(file)
    return entry is not None and is_intact(folder, file, entry, verify=True)


def _shard_entries(folder: Path, manifest: Manifest) -> dict[str, FileEntry]:
    """Return the entry of every shard, from its receipt where it has one."""
    specs = manifest.shards()
    missing = [s.file for s in specs if not is_finished(folder, manifest, s.file)]
    if missing:
        msg = (
            f"{folder}: {missing[0]} is not computed ({len(missing)} of {len(specs)} "
            "shards are left); go on with 'conceptlrp attribute --resume'"
        )
        raise StoreError(msg)
    entries = ((s.file, entry_now(folder, manifest, s.file)) for s in specs)
    return {file: entry for file, entry in entries if entry is not None}


def _references(
    folder: Path, manifest: Manifest, arrays: schema.Arrays | None
) -> dict[str, FileEntry]:
    if not manifest.plan.references:
        return {}
    if arrays is not None:
        return _write_table(
            folder, manifest, schema.REFERENCES, schema.REFERENCE_TABLE, arrays
        )
    if _is_listed(folder, manifest, schema.REFERENCES):
        return {schema.REFERENCES: manifest.files[schema.REFERENCES]}
    msg = f"{folder / schema.REFERENCES}: is missing or damaged; the run has to make it"
    raise StoreError(msg)


def _statistics(folder: Path, manifest: Manifest) -> dict[str, FileEntry]:
    """Add up the statistics of all shards."""
    if not manifest.plan.statistics:
        return {}
    shards = Shards(OpenFiles(folder, manifest, _OPEN_FILES), tuple(manifest.shards()))
    total: dict[str, NDArray[np.int64]] = {}
    for spec in shards.specs:
        with shards.opened(spec.file) as file:
            for name in file.names():
                if not name.startswith("statistics/"):
                    continue
                found = file.dataset(name)[()]
                total[name] = _exact_sum(total[name], found) if name in total else found
    return _write_table(
        folder, manifest, schema.STATISTICS, schema.STATISTICS_TABLE, total
    )


def write_index(folder: Path, manifest: Manifest) -> FileEntry:
    """Write the index of a store, all shards of which are there."""
    corpus = load_positions(folder, manifest)
    shards = Shards(OpenFiles(folder, manifest, _OPEN_FILES), tuple(manifest.shards()))
    return write_file(folder, schema.INDEX, encode_index(manifest, shards, corpus))


def _exact_sum(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """Add integers; a sum beyond their range is an error, not another number."""
    total: NDArray[np.int64] = one + other
    # Two summands of one sign whose sum has the other.
    if (((one ^ total) & (other ^ total)) < 0).any():
        msg = "is damaged: statistics add up to more than 64 bits can hold"
        raise StoreError(msg)
    return total


#: A dataset of a shard: its file, shape and type.
_Source: TypeAlias = tuple[str, tuple[int, ...], Any]
#: Rows of a table; more are found by reading the column.
TOP_ROWS = 64


def top_group(layer: str, by: str, target: int) -> str:
    """Name of the group of the tables of a score."""
    return f"tops/{layer}/{by}/{target if by in ('share', 'relevance') else 0}"


def top_number(*, lowest: bool, one_per_game: bool) -> int:
    """Place of a table along the first axis."""
    return 2 * one_per_game + lowest


def encode_index(manifest: Manifest, shards: Shards, corpus: Corpus) -> memoryview:
    """Return the content of the index, the same whatever computed the shards."""
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        schema.set_kind(file, schema.INDEX_TABLE)
        _add_virtual(file, shards)
        for group, tables in _tables(manifest, shards, corpus):
            for name, array in tables.items():
                full = f"{group}/{name}"
                schema.add_array(
                    file, full, array, codec=manifest.codec, dtype="float32"
                )
    return content.getbuffer()


def _add_virtual(file: h5py.File, shards: Shards) -> None:
    """Add the datasets of the shards, one after the other, as one each."""
    sources: dict[str, list[_Source]] = {}
    for spec in shards.specs:
        with shards.opened(spec.file) as opened:
            for name in opened.names():
                if not name.startswith("statistics/"):
                    found = opened.dataset(name)
                    source = (spec.file, found.shape, found.dtype)
                    sources.setdefault(name, []).append(source)
    for name, parts in sorted(sources.items()):
        _create_virtual(file, name, parts)


def _create_virtual(file: h5py.File, name: str, parts: list[_Source]) -> None:
    """Create a virtual dataset; h5py's own way would write the time into it."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.VIRTUAL)
    properties.set_obj_track_times(False)
    _, shape, dtype = parts[0]
    shape = (sum(part[0] for _, part, _ in parts), *shape[1:])
    first = 0
    for file_name, part, _ in parts:
        if part[0]:
            place = h5py.h5s.create_simple(shape)
            place.select_hyperslab((first, *[0] * (len(shape) - 1)), part)
            source = h5py.h5s.create_simple(part)
            properties.set_virtual(place, file_name.encode(), name.encode(), source)
        first += part[0]
    group, _, last = name.rpartition("/")
    kind = h5py.h5t.py_create(dtype, logical=True)
    space = h5py.h5s.create_simple(shape)
    parent = file.require_group(group).id
    h5py.h5d.create(parent, last.encode(), kind, space, dcpl=properties)


def _tables(
    manifest: Manifest, shards: Shards, corpus: Corpus
) -> Iterator[tuple[str, dict[str, Array]]]:
    for layer, shape in manifest.layers.items():
        for by in CHANNEL_SCORES:
            targets = len(manifest.plan.targets) if by in ("share", "relevance") else 1
            for target in range(targets):
                blocks = score_blocks(shards, layer, by, target)
                tops = [
                    RunningTop(shape["channels"], TOP_ROWS, lowest=low, games=games)
                    for games in (None, corpus.game)
                    for low in (False, True)
                ]
                for first, scores in blocks:
                    for top in tops:
                        top.add(first, scores)
                found = [top.result() for top in tops]
                tables: dict[str, Array] = {
                    "rows": np.stack([each.rows for each in found]),
                    "scores": np.stack([each.scores for each in found]),
                }
                yield top_group(layer, by, target), tables
