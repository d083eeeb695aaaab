"""Clusterings on disk: one HDF5 file for each layer, in the folder of the store.

Shapes use n clustered positions, C channels and K clusters. The file appears
complete or not at all: it is written beside its place and then renamed.
"""

import os
import re
from dataclasses import Field, fields
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    dataset,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.store import Store
from conceptlrp.store.derived import save_derived

__all__ = [
    "clustered_layers",
    "clustering_path",
    "file_stem",
    "load_clustering",
    "save_clustering",
]

_ENCODING = {"encoding-type": "conceptlrp-clustering", "encoding-version": "1"}
_ARRAYS = {
    "rows",
    "labels",
    "sizes",
    "centers",
    "effects",
    "distances",
    "games",
    "embedding",
}


def file_stem(name: str) -> str:
    """Make a name that is safe in every file system and unlike any other's.

    Examples
    --------
    >>> file_stem("conv3"), file_stem("trunk/3")
    ('conv3', 'trunk-3-f8651b34')
    """
    if re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9_-])?", name):
        return name
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32]
    return f"{safe or 'layer'}-{sha256(name.encode()).hexdigest()[:8]}"


def clustering_path(store_path: str | os.PathLike[str], layer: str) -> Path:
    """Where the clustering of a layer lies in the folder of a store.

    Returns ``clusters-<layer>.h5`` in that folder.
    """
    return Path(store_path) / f"clusters-{file_stem(layer)}.h5"


def clustered_layers(store: Store) -> tuple[str, ...]:
    """Name the layers of a store whose clustering has been saved.

    Returns: in the order of the layers.
    """
    return tuple(
        layer for layer in store.layers if clustering_path(store.path, layer).exists()
    )


def save_clustering(
    clustering: Clustering, store: Store, *, overwrite: bool = False
) -> Path:
    """Save a clustering in the folder of the store that it was made from.

    Parameters
    ----------
    clustering : Clustering
        What to save.
    store : Store
        Its store.
    overwrite : bool
        Replace the clustering of the same layer that is there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputExistsError
        If there is a clustering of this layer and it must not be replaced.
    StoreError
        If the file cannot be written.
    """
    path = clustering_path(store.path, clustering.layer)
    save_derived(store.path, path.name, _encode(clustering), overwrite=overwrite)
    return path


def load_clustering(store: Store, layer: str) -> Clustering:
    """Load the clustering of a layer.

    Parameters
    ----------
    store : Store
        The store that it was saved with.
    layer : str
        Name of the layer.

    Returns
    -------
    Clustering
        Equal to the one that was saved.

    Raises
    ------
    StoreError
        If there is none, the file is damaged, or it was made from another
        network or corpus.
    """
    path = clustering_path(store.path, layer)
    if not path.exists():
        msg = f"{path}: does not exist; run 'conceptlrp cluster' for layer {layer!r}"
        raise StoreError(msg)
    clustering = _read(path)
    for kind, found in (("network", clustering.network), ("corpus", clustering.corpus)):
        expected = str(getattr(store.manifest, kind).get("digest", ""))
        if found != expected:
            msg = (
                f"{path}: made from {kind} {found[:8]}, the store has {expected[:8]}; "
                "run 'conceptlrp cluster' again"
            )
            raise StoreError(msg)
    return clustering


def _encode(clustering: Clustering) -> bytes:
    """Make the content of the file; HDF5 itself crashes when a disk is full."""
    content = BytesIO()
    texts = dict(_ENCODING)
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        for field in _fields():
            value = getattr(clustering, field.name)
            if field.name not in _ARRAYS:
                texts[field.name] = str(value)
            elif value is not None:
                created = file.create_dataset(
                    field.name, data=value, compression="gzip", track_times=False
                )
                created.flush()
        set_text_attributes(file, texts)
    return content.getvalue()


def _read(path: Path) -> Clustering:
    with opened(path, StoreError) as file:
        _check_encoding(file)
        return Clustering(**{f.name: _element(file, f) for f in _fields()})


def _fields() -> list[Field[Any]]:
    return [field for field in fields(Clustering) if field.name != "stability"]


def _element(file: h5py.File, field: Field[Any]) -> Any:
    if field.name == "embedding" and field.name not in file:
        return None
    if field.name in _ARRAYS:
        return dataset(file, field.name)[()]
    text = text_attribute(file, field.name)
    return int(text) if field.type in ("int", int) else text


def _check_encoding(file: h5py.File) -> None:
    found = {key: text_attribute(file, key) for key in _ENCODING}
    if found != _ENCODING:
        kind, version = found.values()
        msg = (
            f"holds {kind or 'something'} of version {version or 'unknown'}, expected "
            f"{_ENCODING['encoding-type']} of version {_ENCODING['encoding-version']}"
        )
        raise StoreError(msg)
