"""One layer as an AnnData file, for scanpy and its relatives.

Shapes use N positions and C channels. Positions are the observations, channels the
variables. The matrix X is written block by block as the published format says, all
else by anndata itself, so memory grows with N only by what is known of a position.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.exports.extract import (
    Extract,
    Selection,
    check_quantities,
    extract,
    optional,
)
from conceptlrp.exports.tables import channel_table
from conceptlrp.files import file_stem
from conceptlrp.staging import check_room, staged_file
from conceptlrp.store.reader import AnyStore

if TYPE_CHECKING:
    import pandas as pd

_OURS = "uns/conceptlrp"
# Hardly any two positions have the same.
_DISTINCT = ["obf", "transcript"]
# https://anndata.readthedocs.io/en/stable/fileformat-prose.html
_DENSE = {"encoding-type": "array", "encoding-version": "0.2.0"}


def h5ad(
    store: AnyStore,
    path: str | os.PathLike[str],
    layer: str,
    chosen: Selection | None = None,
    *,
    quantity: str = "relevance",
    overwrite: bool = False,
) -> Path:
    """Write a layer as an AnnData file.

    ``obs`` has what is known of each position, the labels of the store as
    ``label_NAME`` and its clusterings as ``cluster_LAYER``; ``var`` the name and the
    statistics of each channel; ``obsm["X_plane"]`` the layout that came with the
    layer's clustering, where it covers all positions; ``uns["conceptlrp"]`` is JSON
    that says where the numbers come from. Relevance is signed and adds up already, so
    it is not to be normalised or logarithmised.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus.
    path : path-like
        File to write.
    layer : str
        Name of the layer.
    chosen : Selection, optional
        Output and positions; by default the first output and all positions.
    quantity : {"relevance", "share", "activation"}
        What X holds, as float32.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The file.
    """
    optional("anndata", "an AnnData file")
    check_quantities([quantity])
    found = extract(store, replace(chosen or Selection(), layers=[layer]))
    with staged_file(path, is_kind=_is_export, overwrite=overwrite) as staging:
        _write_frames(staging, found, layer, quantity)
        _write_matrix(staging, found, layer, quantity)
    return Path(path)


def _write_frames(path: Path, chosen: Extract, layer: str, quantity: str) -> None:
    """Write everything but X, where the disk has room for X too."""
    anndata = optional("anndata", "an AnnData file")
    channels = channel_table(chosen, layer)
    channels.index = channels.index.map("c{:04d}".format).rename(None)
    positions = _observations(chosen)
    about = chosen.provenance() | {"layer": layer, "quantity": quantity}
    in_memory = int(positions.memory_usage(deep=True).sum())
    check_room(path, in_memory + 4 * len(positions) * len(channels))
    anndata.AnnData(
        obs=positions,
        var=channels,
        obsm=_layouts(chosen, layer),
        uns={"conceptlrp": jsontext.dumps(about).decode()},
    ).write_h5ad(path)


def _observations(chosen: Extract) -> "pd.DataFrame":
    import pandas as pd

    blocks = list(chosen.blocks())
    found = pd.concat([chosen.frame(block) for block in blocks])
    labels = pd.concat([chosen.labels(block) for block in blocks])
    found = found.join(labels.add_prefix("label_"))
    for layer, clustering in chosen.results.clusterings.items():
        here, there = chosen.placed(clustering)
        numbers = np.full(len(chosen), "", dtype=object)
        numbers[here] = clustering.labels[there].astype(str)
        names = [str(k) for k in range(-1, clustering.n_clusters)]
        column = pd.Categorical(numbers, categories=names)
        found[f"cluster_{file_stem(layer)}"] = column.remove_unused_categories()
    texts = found.select_dtypes(exclude=["number", "bool", "category"]).columns
    found = found.astype(dict.fromkeys(texts.difference(_DISTINCT), "category"))
    found.insert(0, "row", found.index)
    found.index = found.index.map("p{:07d}".format).rename(None)
    return found


def _layouts(chosen: Extract, layer: str) -> dict[str, NDArray[np.float32]]:
    clustering = chosen.results.clusterings.get(layer)
    if clustering is None or clustering.embedding is None:
        return {}
    here, there = chosen.placed(clustering)
    covers_all = len(here) == len(chosen)
    return {"X_plane": clustering.embedding[there]} if covers_all else {}


def _write_matrix(path: Path, chosen: Extract, layer: str, quantity: str) -> None:
    """Add X in blocks; anndata itself would hold it whole."""
    with h5py.File(path, "r+") as file:
        if "X" in file:
            del file["X"]
        shape = (len(chosen), chosen.store.channels(layer))
        matrix = file.create_dataset("X", shape, np.float32)
        matrix.attrs.update(_DENSE)
        for block in chosen.blocks():
            matrix[block] = chosen.read(quantity, layer, block)


def _is_export(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            found: Any = file.get(_OURS)
            return isinstance(found, h5py.Dataset)
    except OSError:
        return False
