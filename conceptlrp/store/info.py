"""What a store holds, in a few words and numbers, while a run fills it too."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import dataset_names, opened
from conceptlrp.store.format.manifest import Manifest, read_manifest
from conceptlrp.store.format.plan import Plan
from conceptlrp.store.writing.shard_writer import is_finished


@dataclass(frozen=True)
class StoreInfo:
    """What `store_info` found.

    Attributes
    ----------
    path : str
        Folder of the store.
    state : str
        "running" or "complete".
    positions, rows : int
        Positions of the corpus, and those whose shard is finished.
    shards, finished : int
        Shards of the plan, and those that are finished.
    bytes : int
        Size of all files of the store.
    layer_bytes : dict of str to float
        Bytes a position of what is kept of each layer, in the first finished shard.
    derived : tuple of str
        Files besides shards and corpus, such as "references.h5".
    rounding : dict of str to float
        Largest rounding error of each quantity that is stored with fewer digits than
        it was computed with, relative to the largest value of the same position.
    codec : str
        How arrays are packed.
    plan : Plan
        Network, corpus, composite, targets, layers, detail and so on.
    """

    path: str
    state: str
    positions: int
    rows: int
    shards: int
    finished: int
    bytes: int
    layer_bytes: dict[str, float]
    derived: tuple[str, ...]
    rounding: dict[str, float]
    codec: str
    plan: Plan

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self)


def store_info(path: str | os.PathLike[str]) -> StoreInfo:
    """Say what a store holds, without reading its arrays.

    Parameters
    ----------
    path : path-like
        Folder of the store; a run may still be filling it.

    Returns
    -------
    StoreInfo
        Shards count as finished by their size; `check_store` compares hashes.

    Raises
    ------
    StoreError
        When there is no store.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    specs = manifest.shards()
    finished = [s for s in specs if is_finished(folder, manifest, s.file)]
    parts = {s.file for s in specs} | {manifest.corpus_file}
    sizes = (e.stat(follow_symlinks=False).st_size for e in os.scandir(folder))
    return StoreInfo(
        path=str(folder),
        state=manifest.state,
        positions=manifest.positions,
        rows=sum(len(spec) for spec in finished),
        shards=len(specs),
        finished=len(finished),
        bytes=sum(sizes),
        layer_bytes=_layer_bytes(folder, manifest),
        derived=tuple(name for name in manifest.files if name not in parts),
        rounding=manifest.rounding,
        codec=manifest.codec,
        plan=manifest.plan,
    )


def _layer_bytes(folder: Path, manifest: Manifest) -> dict[str, float]:
    """Return stored bytes a position of each layer, nothing without a shard."""
    for spec in manifest.shards():
        if is_finished(folder, manifest, spec.file):
            with opened(folder / spec.file, StoreError) as file:
                stored = _stored_bytes(file)
            return {
                layer: stored.get(layer, 0) / len(spec) for layer in manifest.layers
            }
    return {}


def _stored_bytes(file: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in dataset_names(file):
        if name.startswith("layers/"):
            layer = name.removeprefix("layers/").rpartition("/")[0]
            size = file[name].id.get_storage_size()
            found[layer] = found.get(layer, 0) + size
    return found
