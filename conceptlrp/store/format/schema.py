"""Format 1 of the relevance store: one folder a run.

    NAME.crp/
      manifest.json        plan, state, parts, and size and SHA-256 of every file
      corpus-0.h5          the N positions with their provenance
      baseline-0.h5        what relevance is above, unless that is zero
      shard-00000.h5       positions [start, stop) of everything computed
      references.h5        conditional maps of the reference boards
      statistics.h5        statistics of the maps of every channel, summed
      index.h5             the shards as one array each, and tables of the best rows
      columns-<hash>.h5    columns that were added to the positions
      <kind>-<target>-<layer>-<hash>.h5  a result that was derived from the store

      shard-00000.json     while a run goes on: the receipt of a shard
      maps-00000.h5, .json while a run goes on: maps of reference boards
      lock                 while a run goes on: who fills the store

Every file says what it is: ``encoding-type`` and ``encoding-version`` are
attributes of the root in HDF5 and the first keys in JSON. Nothing holds a time, so
the same input gives the same bytes, however often a run was cut short.

**Shards.** A shard of n positions holds, for T targets, C channels of a layer, A
actions and n x n squares (relevance in the unit of the target's output):

    layers/<layer>/relevance     (n, T, C)   dtype    sum over the feature map
    layers/<layer>/norm          (n, T)      float32  sum of |relevance| over channels
    layers/<layer>/activation    (n, C)      dtype    sum over the feature map
    layers/<layer>/peak          (n, C)      dtype    largest activation
    layers/<layer>/peak_square   (n, C)      int8     where, row by row in the map
    outputs/logits               (n, A)      float32  policy logits
    outputs/value                (n,)        float32  value before tanh, nan if none
    targets/square               (n, T)      int8     the move each target means
    targets/explained            (n, T)      float32  the target's value
    targets/heatmap              (n, T, 8, 8) float32 input relevance
    maps/rows                    (m,)        int64    positions with maps, ascending
    layers/<layer>/maps          (m, T, C, 8, 8) dtype  conditional maps
    layers/<layer>/map_scale     (m, T)      float32  what maps are multiplied by
    statistics/<layer>/<name>    any         int64    summed over the shard

dtype is float32 or float16, as the plan says. A float16 has 11 bits: a sum is off
by 2**-11 of itself at most, a map by 2**-11 of itself or 3e-8 of the largest of its
position. float16 maps are divided by that largest value, `map_scale`, which is 1
or absent for float32. Chunks are packed with Zstandard (filter 32015) and carry a
Fletcher checksum.

**A run.** `create_run` writes the manifest in the state "running" and the corpus.
`write_shard` writes a shard and then its receipt: which positions, size, SHA-256,
and a digest of the plan. A shard without a receipt of the same plan is not finished.
`finish_run` derives the other files, takes the receipts into the manifest in the
state "complete", and removes them. Each file is written beside its place, synced
and renamed, the receipt after the shard, the manifest after all it names; a run
that is killed leaves whole files only.

**Resuming** compares the plan, corpus included, and refuses another one with the
first field that differs; `pending` then lists the shards that are not finished,
or no longer what their hash says. **Appending** takes a corpus that begins with the
store's, keeps all shards and adds a part with shards of its own; what was derived
from the former positions goes. **Checking** compares every file with its hash;
manifest and receipts end in a digest of themselves. **Reading** compares a file with
its hash when it is first used, but of a shard only the blocks of 64 KiB that are read,
or all once a quarter was: ``xxh3`` has the XXH3 of each, 64 bits, little-endian, in
base64.

**Chunks** are the unit of reading and unpacking. Sums are cut into 2048 rows of 4
channels, squares into 2048 rows of 16, maps into 16 rows of 16 channels, which makes
16 to 64 KiB each. The columns of the corpus are in one piece and not packed: processes
map them and share the memory.

`statistics.h5` holds, added up over the positions of each of P phases of the game
(thirds of the discs that can be added: opening, midgame, endgame),

    statistics/positions           (P,)                int64  how many
    statistics/<layer>/positive    (P, T, C, 8, 8, 2)  int64  max(map, 0)
    statistics/<layer>/negative    (P, T, C, 8, 8, 2)  int64  min(map, 0)
    statistics/<layer>/squared     (P, T, C, 8, 8, 2)  int64  map squared
    statistics/<layer>/magnitude   (P, T, C, 4, 2)     int64  |map| on own discs,
                                   opponent discs, empty squares and legal moves

where the last axis has two words, and a number is word 0 * 2**-20 + word 1 *
2**-60. Integers add up to the same whatever the order.

`index.h5` holds every dataset of the shards under its own name as a virtual dataset
over them, so that any program that reads HDF5 sees plain arrays; a shard that is
missing reads as zeros there, which this library therefore never reads. Besides, for
every score,

    tops/<layer>/<score>/<t>/rows    (4, C, k) int64    -1 where there are fewer
    tops/<layer>/<score>/<t>/scores  (4, C, k) float32

the highest and lowest, then the highest and lowest of which each game has one.
Activations have t = 0 alone.

`columns-<hash>.h5` holds ``<name>/values`` (N,) for every column that was added: bool,
integers or float32, nan being unknown. It stays when a store is repaired and goes
when positions are appended.

`baseline-0.h5` holds ``layers/<layer>/mean`` (C, H, W) float32, the mean feature map of
a sample of the positions, or ``donors/own`` and ``donors/opponent`` (N,) uint64, the
position whose feature map is the baseline of each row. Relevance of a layer is then
(a - b) * rho, with a the feature map, b the baseline and rho the relevance per unit of
activation; conditional maps are what of it reaches each square. ``targets/heatmap`` is
that of the output itself, by the composite of heatmaps if there are two. The plan has
the digest of the baseline. A mean stays when positions are appended.

`references.h5` holds for every target index t and kind (see `REFERENCE_KINDS`)
``<t>/<kind>/<layer>/`` rows (C, k) int64 with -1 where there are fewer than k,
scores (C, k) float32 and maps (C, k, 8, 8) float32.

Results that were derived from a complete store are files named after their kind, what
they are about, and their hash. The manifest says of each which kind, target and layer
it is of. They stay when the store is repaired and go when positions are appended.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    add_dataset,
    dataset,
    dataset_names,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.store.format.plan import Plan

ENCODING_TYPE = "conceptlrp-store"
ENCODING_VERSION = "1"
MANIFEST = "manifest.json"
LOCK = "lock"
#: A new run writes it before its manifest, so that no job finds one without the other.
FIRST_BASELINE = "baseline-0.h5"
REFERENCES = "references.h5"
STATISTICS = "statistics.h5"
INDEX = "index.h5"
#: What the file of added columns is about.
COLUMNS_KIND = "columns"

#: What to do about a damaged file.
REMEDY = "see 'conceptlrp check'; 'conceptlrp attribute --resume' repairs it"

# What every file of HDF5 says that it is.
SHARD = "conceptlrp-shard"
BLOCK = "conceptlrp-map-block"
REFERENCE_TABLE = "conceptlrp-references"
STATISTICS_TABLE = "conceptlrp-statistics"
INDEX_TABLE = "conceptlrp-index"
BASELINE_TABLE = "conceptlrp-baseline"
COLUMNS_TABLE = "conceptlrp-labels"

#: Names of the files of a run but for manifest and lock.
OWN_FILE = re.compile(
    r"(shard|maps)-\d{5,}\.(h5|json)|(corpus|baseline)-\d+\.h5"
    r"|(references|statistics|index)\.h5"
)
#: Those that finishing a run writes again; others were added later.
RUN_FILE = re.compile(
    r"shard-\d{5,}\.h5|(corpus|baseline)-\d+\.h5|(references|statistics|index)\.h5"
)

#: Name of a set of reference boards: (score, whether the lowest come first).
REFERENCE_KINDS = {
    "share-top": ("share", False),
    "share-bottom": ("share", True),
    "activation-top": ("activation", False),
}

#: How arrays are packed. Readers without hdf5plugin need "gzip" or "none".
CODECS = ("zstd", "gzip", "none")

_BY_CHANNEL = ("relevance", "activation", "peak", "peak_square")
_HALF = ("relevance", "activation", "peak", "maps")
# Numbers of a chunk. A column of one channel reads all rows of 4 channels, a row
# reads 2048 rows of all: with 256 channels a column of a million positions is 16
# MB in 500 chunks, a row is 2 MB in 64. From 128 KiB on, memory that HDF5 unpacks a
# chunk into comes fresh from the system each time, which takes longer than reading.
_ROWS, _CHANNELS, _OTHER = 2048, 4, 1 << 13


def expected_shapes(
    plan: Plan, board_size: int, n: int, m: int | None
) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of every dataset of a shard; None stands for any length."""
    targets, board = len(plan.targets), (board_size, board_size)
    shapes: dict[str, tuple[int | None, ...]] = {
        "outputs/logits": (n, None),
        "outputs/value": (n,),
        "targets/square": (n, targets),
        "targets/explained": (n, targets),
        "targets/heatmap": (n, targets, *board),
    }
    if m is not None:
        shapes["maps/rows"] = (m,)
    for layer, shape in plan.layers.items():
        channels, group = shape["channels"], f"layers/{layer}"
        shapes[f"{group}/relevance"] = (n, targets, channels)
        shapes[f"{group}/norm"] = (n, targets)
        for quantity in ("activation", "peak", "peak_square"):
            shapes[f"{group}/{quantity}"] = (n, channels)
        if m is not None:
            shapes[f"{group}/maps"] = (m, targets, channels, *board)
    return shapes


def chunk_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how a dataset is cut into chunks, the unit of reading.

    Sums are cut into blocks that are narrow, since a query reads one channel of
    all positions, and not so high that a position with all its channels becomes
    slow. A board is never cut.
    """
    quantity = name.rpartition("/")[2]
    rows, *rest = shape
    if quantity in _BY_CHANNEL:
        # A square takes a fourth of the bytes of a sum.
        width = 4 * _CHANNELS if quantity == "peak_square" else _CHANNELS
        rest[-1] = min(width, rest[-1])
        height = _ROWS
    elif quantity in ("maps", "heatmap"):
        rest[-3] = min(16, rest[-3]) if quantity == "maps" else 1
        height = 16 if quantity == "maps" else 64
    else:
        height = max(1, _OTHER // max(1, prod(rest)))
        if prod(rest) > _OTHER:
            rest[0] = min(rest[0], max(1, _OTHER // prod(rest[1:])))
    if len(rest) > 1 and quantity in ("relevance", "maps") and len(shape) != 4:
        rest[0] = 1
    return tuple(max(1, length) for length in (min(height, rows), *rest))


def stored_type(name: str, dtype: np.dtype[Any], plan_dtype: str) -> np.dtype[Any]:
    """Return the type in which an array is stored."""
    if dtype.kind != "f":
        return dtype
    group, _, quantity = name.partition("/")[2].rpartition("/")
    # Maps of reference boards have no scale of their own and are few.
    of_layer = name.startswith("layers/") and bool(group) and quantity in _HALF
    is_half = plan_dtype == "float16" and of_layer
    return np.dtype(np.float16 if is_half else np.float32)


def packing(codec: str) -> dict[str, Any]:
    """Return h5py's options for a codec; every chunk has a checksum too."""
    filters: dict[str, dict[str, Any]] = {
        "zstd": dict(hdf5plugin.Zstd(clevel=1)),
        "gzip": {"compression": "gzip", "compression_opts": 4},
        "none": {},
    }
    return {"fletcher32": True, **filters[codec]}


Arrays = Mapping[str, NDArray[Any]]


def encode_arrays(
    arrays: Arrays, kind: str, *, codec: str = "zstd", dtype: str = "float32"
) -> memoryview:
    """Return the HDF5 file that holds arrays; the same ones give the same bytes."""
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        set_kind(file, kind)
        for name in sorted(arrays):
            add_array(file, name, np.asarray(arrays[name]), codec=codec, dtype=dtype)
    return content.getbuffer()


def add_array(
    file: h5py.File, name: str, array: NDArray[Any], *, codec: str, dtype: str
) -> None:
    """Add one dataset to a file that is being written."""
    stored = array.astype(stored_type(name, array.dtype, dtype), copy=False)
    options: dict[str, Any] = {}
    if stored.size and stored.ndim:
        options = {"chunks": chunk_shape(name, stored.shape), **packing(codec)}
    add_dataset(file, name, stored, **options)


def read_arrays(path: Path, kind: str) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file of a kind."""
    with opened(path, StoreError) as file:
        check_kind(file, kind)
        return {name: dataset(file, name)[()] for name in dataset_names(file)}


def set_kind(file: h5py.File, kind: str) -> None:
    """Say in the root of a file what the file is."""
    header = {"encoding-type": kind, "encoding-version": ENCODING_VERSION}
    set_text_attributes(file, header)


def check_kind(file: h5py.File, kind: str) -> None:
    """Raise `StoreError` for a file that does not say that it is of a kind."""
    found = [text_attribute(file, f"encoding-{each}") for each in ("type", "version")]
    if found != [kind, ENCODING_VERSION]:
        msg = (
            f"is {found[0] or 'something'} of version {found[1] or 'unknown'}, "
            f"expected {kind} of version {ENCODING_VERSION}"
        )
        raise StoreError(msg)
