"""Tables for pandas, Polars, DuckDB and R: Parquet or CSV.

Shapes use N positions and C channels. Everything about a position has its "row" in
the store, by which the tables are joined. Relevance is wide, a column for each
channel: a Parquet reader then reads the channels that it is asked for and no
others, and the table is a matrix as it stands.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conceptlrp.exports.channel_table import channel_table
from conceptlrp.exports.extract import QUANTITIES, Extract, extract, optional
from conceptlrp.exports.folder import export_folder
from conceptlrp.files import file_stem
from conceptlrp.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLE_FORMATS", "export_tables"]

#: Formats of tables.
TABLE_FORMATS = ("parquet", "csv")


def export_tables(
    store: Store,
    out: str | os.PathLike[str],
    layers: Sequence[str] | None = None,
    *,
    kind: str = "parquet",
    quantities: Sequence[str] = ("relevance",),
    target: int | str = 0,
    positions: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write positions, labels, clusters, channels and relevance as tables.

    ============  ==================================================================
    positions     a line for each position: where it is from, players, move, outcome,
                  explained output, value, board and transcript
    labels        a column for each label, where the store has any
    clusters      layer, cluster, distance to its centre and place in the plane of
                  each position, where the store has clusterings
    channels      a line for each channel, with the statistics of `channel_table`
    relevance-…   one table for each layer: a column for each channel
    ============  ==================================================================

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    out : path-like
        Folder to write.
    layers : sequence of str, optional
        Names of layers; all by default.
    kind : {"parquet", "csv"}
        Format of the tables.
    quantities : sequence of str
        Some of "relevance", "share" and "activation".
    target : int or str
        Index or name of the explained output.
    positions : int, optional
        Draw so many positions at random; all by default.
    seed : int
        Seed of the draw.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConceptLRPError
        If the format is Parquet and pyarrow is not installed.
    OutputExistsError
        If something stands there that must not be replaced.
    """
    for name, known in ((kind, TABLE_FORMATS), *((q, QUANTITIES) for q in quantities)):
        if name not in known:
            msg = f"unknown format or quantity '{name}', expected {', '.join(known)}"
            raise ValueError(msg)
    if kind == "parquet":
        optional("pyarrow", "a Parquet table")
    chosen = extract(store, layers, target=target, positions=positions, seed=seed)
    write = {"parquet": _write_parquet, "csv": _write_csv}[kind]
    with export_folder(out, chosen, kind, overwrite=overwrite) as folder:
        about = json.dumps(chosen.provenance())
        for name, blocks in _tables(chosen, quantities):
            write(folder / f"{name}.{kind}", blocks, about)
    return Path(out)


def _tables(
    chosen: Extract, quantities: Sequence[str]
) -> Iterator[tuple[str, Iterable["pd.DataFrame"]]]:
    """Name each table and give the blocks that it consists of."""
    yield "positions", (chosen.frame(b).reset_index() for b in chosen.blocks())
    if chosen.store.label_names:
        yield "labels", (chosen.labels(b).reset_index() for b in chosen.blocks())
    if chosen.clusterings():
        yield "clusters", _clusters(chosen)
    yield "channels", _channels(chosen)
    for layer in chosen.layers:
        for quantity in quantities:
            name = f"{quantity}-{file_stem(layer)}"
            yield name, _wide(chosen, quantity, layer)


def _clusters(chosen: Extract) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    for layer, clustering in chosen.clusterings().items():
        here, there = chosen.placed(clustering)
        layout = clustering.embedding
        if layout is None:
            layout = np.full((len(clustering), 2), np.nan, np.float32)
        found = {
            "row": chosen.rows[here],
            "layer": layer,
            "cluster": clustering.labels[there],
            "distance": clustering.distances[there],
            "x": layout[there, 0],
            "y": layout[there, 1],
        }
        yield pd.DataFrame(found)


def _channels(chosen: Extract) -> Iterator["pd.DataFrame"]:
    for layer in chosen.layers:
        found = channel_table(chosen, layer).reset_index()
        found.insert(0, "layer", layer)
        yield found


def _wide(chosen: Extract, quantity: str, layer: str) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    names = [f"c{channel:04d}" for channel in range(chosen.store.channels(layer))]
    for block in chosen.blocks():
        found = pd.DataFrame(chosen.read(quantity, layer, block), columns=names)
        found.insert(0, "row", chosen.rows[block])
        yield found


def _write_parquet(path: Path, blocks: Iterable["pd.DataFrame"], about: str) -> None:
    """Write a row group for each block."""
    arrow = optional("pyarrow", "a Parquet table")
    parquet = optional("pyarrow.parquet", "a Parquet table")
    writer = None
    try:
        for block in blocks:
            table = arrow.Table.from_pandas(block, preserve_index=False)
            table = table.replace_schema_metadata({"conceptlrp": about})
            writer = writer or parquet.ParquetWriter(
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
