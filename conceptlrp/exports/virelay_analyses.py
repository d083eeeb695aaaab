"""The analyses of a ViRelAy project: clusterings and layouts of its positions.

Shapes use n positions. ViRelAy takes the names of clusterings and embeddings from
the first category of an analysis, so every category has all of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.embeddings import plane_embedding
from conceptlrp.clustering.features import position_features
from conceptlrp.exports.extract import Extract
from conceptlrp.files import file_stem

# A button each: more than this nobody can press.
_MOST_VALUES = 64

Arrays = Mapping[str, NDArray[Any]]


def write_clusters(folder: Path, chosen: Extract) -> str:
    """Write the clusterings of the store and return the name of the file."""
    found = {n: c for n, c in chosen.results.clusterings.items() if n in chosen.layers}
    is_laid_out = all(each.embedding is not None for each in found.values())
    name = "analysis-clusters.h5"
    with h5py.File(folder / name, "w") as file:
        for layer, clustering in found.items():
            here, there = chosen.placed(clustering)
            layouts = {"pca": _components(chosen, layer, here)}
            if is_laid_out and clustering.embedding is not None:
                layouts["as clustered"] = clustering.embedding[there]
            clusters = {"clusters": clustering.labels[there]}
            category = _write_category(file, layer, here, clusters, layouts)
            category.attrs["method"] = clustering.method
    return name


def write_positions(folder: Path, chosen: Extract) -> str:
    """Write what is known of positions as clusterings; return the file's name."""
    store, rows = chosen.store, chosen.rows
    clusters: dict[str, NDArray[Any]] = {
        "phase": store.columns.metadata.phase()[rows].astype(np.int32),
        "mover": store.positions.mover[rows].astype(np.int32),
    }
    for label in store.columns.label_names:
        column = store.columns.label(label)[rows]
        if column.dtype.kind != "f" and len(np.unique(column)) <= _MOST_VALUES:
            clusters[label] = column.astype(np.int32)
    name = "analysis-positions.h5"
    with h5py.File(folder / name, "w") as file:
        for layer in chosen.layers:
            everyone = np.arange(len(chosen))
            layouts = {"pca": _components(chosen, layer, everyone)}
            _write_category(file, layer, everyone, clusters, layouts)
    return name


def _components(
    chosen: Extract, layer: str, here: NDArray[np.intp]
) -> NDArray[np.float32]:
    rows = chosen.rows[here]
    features = position_features(chosen.store, layer, target=chosen.target, rows=rows)
    return plane_embedding(features, kind="pca")


def _write_category(
    file: h5py.File,
    layer: str,
    here: NDArray[np.intp],
    clusters: Arrays,
    layouts: Arrays,
) -> h5py.Group:
    category = file.create_group(file_stem(layer))
    category["index"] = here.astype(np.uint32)
    for name, numbers in clusters.items():
        category[f"cluster/{name}"] = numbers
    for name, layout in layouts.items():
        category[f"embedding/{name}"] = layout
    return category
