"""The index of a store: its shards as single arrays, and tables of the best rows.

Shapes use N positions, T targets, C channels and k rows. `index.h5` holds every
dataset of the shards under its own name as a virtual dataset over them, so that
any program that reads HDF5 sees plain arrays; a shard that is missing reads as
zeros there, which this library therefore never reads. Besides, for every score,

    tops/<layer>/<score>/<t>/rows    (4, C, k) int64    -1 where there are fewer
    tops/<layer>/<score>/<t>/scores  (4, C, k) float32

the highest and lowest, then the highest and lowest of which each game has one.
Activations have t = 0 alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import h5py
import numpy as np

from conceptlrp.hdf5 import HDF5_FORMAT
from conceptlrp.othello import Corpus
from conceptlrp.store.format.arrays import add_array, set_kind
from conceptlrp.store.format.manifest import Manifest
from conceptlrp.store.format.schema import INDEX_TABLE
from conceptlrp.store.ranking import CHANNEL_SCORES, RunningTop, score_blocks
from conceptlrp.store.shards import Array, Shards


@dataclass(frozen=True)
class _Source:
    """A dataset of a shard."""

    file: str
    shape: tuple[int, ...]
    dtype: Any


#: Rows of a table; more are found by reading the column.
TOP_ROWS = 64


def top_group(layer: str, by: str, target: int) -> str:
    """Name of the group of the tables of a score."""
    return f"tops/{layer}/{by}/{target if by in ('share', 'relevance') else 0}"


def top_number(*, lowest: bool, one_per_game: bool) -> int:
    """Place of a table along the first axis."""
    return 2 * one_per_game + lowest


def encode_index(manifest: Manifest, shards: Shards, corpus: Corpus) -> memoryview:
    """Return the content of the index of a store.

    Returns: the same whatever the shards were computed by.
    """
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        set_kind(file, INDEX_TABLE)
        _add_virtual(file, shards)
        for group, tables in _tables(manifest, shards, corpus):
            for name, array in tables.items():
                full = f"{group}/{name}"
                add_array(file, full, array, codec=manifest.codec, dtype="float32")
    return content.getbuffer()


def _add_virtual(file: h5py.File, shards: Shards) -> None:
    """Add the datasets of the shards, one after the other, as one each."""
    sources: dict[str, list[_Source]] = {}
    for spec in shards.specs:
        with shards.opened(spec.file) as opened:
            for name in opened.names():
                if not name.startswith("statistics/"):
                    found = opened.dataset(name)
                    source = _Source(spec.file, found.shape, found.dtype)
                    sources.setdefault(name, []).append(source)
    for name, parts in sorted(sources.items()):
        _create_virtual(file, name, parts)


def _create_virtual(file: h5py.File, name: str, parts: list[_Source]) -> None:
    """Create a virtual dataset; h5py's own way would write the time into it."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.VIRTUAL)
    properties.set_obj_track_times(False)
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    first = 0
    for part in parts:
        if part.shape[0]:
            place = h5py.h5s.create_simple(shape)
            place.select_hyperslab((first, *[0] * (len(shape) - 1)), part.shape)
            source = h5py.h5s.create_simple(part.shape)
            properties.set_virtual(place, part.file.encode(), name.encode(), source)
        first += part.shape[0]
    group, _, last = name.rpartition("/")
    kind = h5py.h5t.py_create(parts[0].dtype, logical=True)
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
