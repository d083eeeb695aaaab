"""Layout of a relevance store: one folder a run.

    NAME.crp/
      manifest.json      what was computed, with what, and the shards' hashes
      corpus.h5          the N positions with their provenance
      shard-00000.h5     rows [start, stop) of everything computed
      references.h5      conditional heatmaps of the reference boards

A shard of n positions holds, for T targets, C channels of a layer and A actions:

    layers/<layer>/relevance        (n, T, C) float32  sum over the feature map
    layers/<layer>/norm             (n, T)    float32  sum of |relevance| over channels
    layers/<layer>/activation       (n, C)    float32  sum over the feature map
    layers/<layer>/peak             (n, C)    float32  largest activation
    layers/<layer>/peak_square      (n, C)    int8     where, row by row in the map
    outputs/logits                  (n, A)    float32  policy logits
    outputs/value                   (n,)      float32  value before tanh
    targets/square                  (n, T)    int8     the move each target means
    targets/explained               (n, T)    float32  the target's value
    targets/heatmap                 (n, T, 8, 8) float32  input relevance

`references.h5` holds for every target index t and kind (see `REFERENCE_KINDS`)
``<t>/<kind>/<layer>/`` rows (C, k) int64 with -1 where there are fewer than k,
scores (C, k) float32 and maps (C, k, 8, 8) float32.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError

ENCODING_TYPE = "conceptlrp-store"
ENCODING_VERSION = "1"
MANIFEST = "manifest.json"
CORPUS = "corpus.h5"
REFERENCES = "references.h5"

#: Name of a set of reference boards: (score, whether the lowest come first).
REFERENCE_KINDS = {
    "share-top": ("share", False),
    "share-bottom": ("share", True),
    "activation-top": ("activation", False),
}


@dataclass(frozen=True)
class Manifest:
    """What a store holds and where it came from.

    Attributes
    ----------
    network : dict
        Name, architecture, size, digest and file of the network.
    corpus : dict
        Digest, number of positions and of games.
    composite : dict
        Name of the composite and the rule of every module.
    targets : tuple of str
        Names of the explained outputs.
    layers : dict of str to dict
        ``channels``, ``height`` and ``width`` of every layer.
    positions : int
        Number of positions, N.
    shards : tuple of dict
        ``file``, ``start``, ``stop``, ``bytes`` and ``sha256`` of every shard.
    references : int
        Reference boards kept for every channel, 0 for none.
    versions : dict of str to str
        Versions of the packages that computed it.
    command : str
        The command line or call that made it.
    """

    network: dict[str, Any]
    corpus: dict[str, Any]
    composite: dict[str, Any]
    targets: tuple[str, ...]
    layers: dict[str, dict[str, int]]
    positions: int
    shards: tuple[dict[str, Any], ...]
    references: int
    versions: dict[str, str]
    command: str

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        header = {"encoding-type": ENCODING_TYPE, "encoding-version": ENCODING_VERSION}
        return json.dumps({**header, **asdict(self)}, indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a store.

    Raises
    ------
    StoreError
        When the folder is no store, or one of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        msg = f"{folder}: no relevance store here, expected a folder with {MANIFEST}"
        raise StoreError(msg)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind, version = content.pop("encoding-type"), content.pop("encoding-version")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg = f"{path}: not the manifest of a relevance store ({error!r})"
        raise StoreError(msg) from None
    if (kind, version) != (ENCODING_TYPE, ENCODING_VERSION):
        msg = (
            f"{path}: {kind} of version {version}, expected {ENCODING_TYPE} of "
            f"version {ENCODING_VERSION}"
        )
        raise StoreError(msg)
    try:
        manifest = Manifest(**content)
        _check_values(manifest)
        targets, shards = tuple(manifest.targets), tuple(manifest.shards)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"{path}: damaged manifest ({error}); compute the store again"
        raise StoreError(msg) from None
    return replace(manifest, targets=targets, shards=shards)


def _check_values(manifest: Manifest) -> None:
    """Raise `ValueError` for shards that are not all rows, in order, in the folder."""
    stop = 0
    for shard in manifest.shards:
        name, start = shard["file"], shard["start"]
        if name != Path(name).name or start != stop or not shard["stop"] > start:
            msg = f"shard '{name}' holds rows {start} to {shard['stop']}"
            raise ValueError(msg)
        stop = shard["stop"]
        if not isinstance(shard["bytes"], int):
            msg = f"shard '{name}' has a size of {shard['bytes']!r}"
            raise TypeError(msg)
    if not stop == manifest.positions > 0:
        msg = f"shards hold {stop} positions, expected {manifest.positions}"
        raise ValueError(msg)
    for name, shape in manifest.layers.items():
        if not all(isinstance(shape[a], int) for a in ("channels", "height", "width")):
            msg = f"layer '{name}' has the shape {shape}"
            raise TypeError(msg)


def dataset_options(array: NDArray[Any]) -> dict[str, Any]:
    """Return how a dataset is chunked and compressed.

    Sums are cut into 4,096 rows by 32 columns, so that one channel of all
    positions and one position with all channels are both read quickly; a board
    is never cut. Zstandard without byte shuffle was the fastest at equal size, and
    every chunk has a checksum.
    """
    if array.size == 0 or array.ndim == 0:
        return {}
    chunks = [min(4096, array.shape[0]), *array.shape[1:]]
    is_map = array.ndim > 2 and array.shape[-1] == array.shape[-2]
    if is_map:
        chunks[0] = min(128, array.shape[0])
    elif array.ndim > 1:
        chunks[-1] = min(32, array.shape[-1])
    if array.ndim == 3 and not is_map:
        chunks[1] = 1
    return {
        "chunks": tuple(max(1, c) for c in chunks),
        "fletcher32": True,
        **hdf5plugin.Zstd(clevel=3),
    }


def as_storable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as float32 where it is floating point, else unchanged."""
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32, copy=False)
    return array
