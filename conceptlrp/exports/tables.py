"""Tables for pandas, Polars, DuckDB and R, and a layer as AnnData for scanpy.

Shapes use N positions and C channels. Everything about a position has its "row" in
the store, by which the tables are joined. Relevance is wide, a column for each
channel: a Parquet reader then reads the channels that it is asked for and no
others, and the table is a matrix as it stands. In an AnnData file, positions are the
observations, channels the variables. The matrix X is written block by block as the
published format says, all else by anndata itself, so memory grows with N only by what
is known of a position.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.exports.extract import (
    Extract,
    Selection,
    check_quantities,
    export_folder,
    extract,
    optional,
)
from conceptlrp.files import file_stem
from conceptlrp.late import pd
from conceptlrp.report.statistics import layer_statistics
from conceptlrp.staging import check_room, staged_file
from conceptlrp.store.reader import AnyStore

Write = Callable[[Path, Iterable["pd.DataFrame"], str], None]

_OURS = "uns/conceptlrp"
# Hardly any two positions have the same.
_DISTINCT = ["obf", "transcript"]
# https://anndata.readthedocs.io/en/stable/fileformat-prose.html
_DENSE = {"encoding-type": "array", "encoding-version": "0.2.0"}


def parquet(
    store: AnyStore,
    out: str | os.PathLike[str],
    chosen: Selection | None = None,
    *,
    quantities: Sequence[str] = ("relevance",),
    overwrite: bool = False,
) -> Path:
    """Write positions, labels, clusters, channels and relevance as Parquet tables.

    ============  ==================================================================
    positions     a line for each position: where it is from, players, move, outcome,
                  explained output, value, board and transcript
    labels        a column for each label, where the store has any
    clusters      layer, cluster, distance to its centre and place in the plane of
                  each clustered position, where the store has any
    channels      name and statistics of every channel over all positions
    QUANTITY-     a column for each channel of the layer: c0000, c0001 and so on
    LAYER
    ============  ==================================================================

    Parameters
    ----------
    store, out : Store or path, path-like
        Relevance of a corpus, and the folder to write.
    chosen, quantities : Selection, sequence of str
        Layers, output and positions, by default everything; and some of "relevance",
        "share" and "activation".
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The folder.
    """
    optional("pyarrow", "a Parquet table")
    return _export(
        store, out, chosen, quantities, "parquet", _write_parquet, overwrite=overwrite
    )


def csv(
    store: AnyStore,
    out: str | os.PathLike[str],
    chosen: Selection | None = None,
    *,
    quantities: Sequence[str] = ("relevance",),
    overwrite: bool = False,
) -> Path:
    """Write positions, labels, clusters, channels and relevance as CSV tables.

    Parameters
    ----------
    store, out, chosen, quantities, overwrite
        As for `parquet`, whose tables they are.

    Returns
    -------
    Path
        The folder.
    """
    return _export(
        store, out, chosen, quantities, "csv", _write_csv, overwrite=overwrite
    )


def channel_table(found: Extract, layer: str) -> "pd.DataFrame":
    """Name every channel of a layer, with its statistics over all positions."""
    store, target = found.store, found.target
    known = layer_statistics(store, layer, target=target)
    every = [found.results.evidence_of(layer, c) for c in range(known.channels)]
    table = {
        "name": [each.name.text for each in every],
        "badge": [each.badge for each in every],
        "quantity": [each.name.quantity for each in every],
        "magnitude": known.magnitude,
        "rank": known.ranks + 1,
        "mean_share": known.mean_share,
        "relevant": known.relevant,
        "active": known.active,
        "dead": known.active == 0,
    }
    return pd.DataFrame(table, index=pd.RangeIndex(known.channels, name="channel"))


def _export(
    store: AnyStore,
    out: str | os.PathLike[str],
    chosen: Selection | None,
    quantities: Sequence[str],
    kind: str,
    write: "Write",
    *,
    overwrite: bool,
) -> Path:
    """Write all tables of one kind into a folder."""
    quantities = check_quantities(quantities)
    found = extract(store, chosen)
    with export_folder(out, found, kind, overwrite=overwrite) as folder:
        about = jsontext.dumps(found.provenance()).decode()
        for name, blocks in _tables(found, quantities):
            write(folder / f"{name}.{kind}", blocks, about)
    return Path(out)


def _tables(
    found: Extract, quantities: Sequence[str]
) -> Iterator[tuple[str, Iterable["pd.DataFrame"]]]:
    """Name each table and give the blocks that it consists of."""
    yield "positions", (found.frame(b).reset_index() for b in found.blocks())
    if found.store.columns.label_names:
        yield "labels", (found.labels(b).reset_index() for b in found.blocks("labels"))
    if found.results.clusterings:
        yield "clusters", _clusters(found)
    yield "channels", _channels(found)
    for layer in found.layers:
        for quantity in quantities:
            yield f"{quantity}-{file_stem(layer)}", _wide(found, quantity, layer)


def _clusters(found: Extract) -> Iterator["pd.DataFrame"]:
    for clustering in found.results.clusterings.values():
        _, there = found.placed(clustering)
        yield clustering.frame().iloc[there]


def _channels(found: Extract) -> Iterator["pd.DataFrame"]:
    for layer in found.layers:
        table = channel_table(found, layer).reset_index()
        table.insert(0, "layer", layer)
        yield table


def _wide(found: Extract, quantity: str, layer: str) -> Iterator["pd.DataFrame"]:
    names = [f"c{channel:04d}" for channel in range(found.store.channels(layer))]
    for block in found.blocks(f"{quantity} of {layer}"):
        table = pd.DataFrame(found.read(quantity, layer, block), columns=names)
        table.insert(0, "row", found.rows[block])
        yield table


def _write_parquet(path: Path, blocks: Iterable["pd.DataFrame"], about: str) -> None:
    """Write a row group for each block."""
    arrow = optional("pyarrow", "a Parquet table")
    files = optional("pyarrow.parquet", "a Parquet table")
    writer = None
    try:
        for block in blocks:
            table = arrow.Table.from_pandas(block, preserve_index=False)
            table = table.replace_schema_metadata({"conceptlrp": about})
            writer = writer or files.ParquetWriter(
                path, table.schema, compression="zstd"
            )
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _write_csv(path: Path, blocks: Iterable["pd.DataFrame"], about: str) -> None:
    """Write a header and then the blocks; the provenance is in the marker."""
    del about
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(blocks):
            block.to_csv(file, index=False, header=number == 0, lineterminator="\n")


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
    store, path, layer : Store or path, path-like, str
        Relevance of a corpus, the file to write, and the layer.
    chosen, quantity : Selection, str
        Output and positions, by default the first output and all positions; and what X
        holds, as float32: "relevance", "share" or "activation".
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
        for block in chosen.blocks(f"{quantity} of {layer}"):
            matrix[block] = chosen.read(quantity, layer, block)


def _is_export(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            found: Any = file.get(_OURS)
            return isinstance(found, h5py.Dataset)
    except OSError:
        return False
