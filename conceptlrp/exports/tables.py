"""Tables for pandas, Polars, DuckDB and R: Parquet or CSV.

Shapes use N positions and C channels. Everything about a position has its "row" in
the store, by which the tables are joined. Relevance is wide, a column for each
channel: a Parquet reader then reads the channels that it is asked for and no
others, and the table is a matrix as it stands.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from conceptlrp.labelling.result import UNNAMED, channel_names
from conceptlrp.report.statistics import layer_statistics
from conceptlrp.store.reader import AnyStore

if TYPE_CHECKING:
    import pandas as pd

    Write = Callable[[Path, Iterable[pd.DataFrame], str], None]


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
    store : Store or path
        Relevance of a corpus.
    out : path-like
        Folder to write.
    chosen : Selection, optional
        Layers, output and positions; by default everything.
    quantities : sequence of str
        Some of "relevance", "share" and "activation".
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The folder.
    """
    check_quantities(quantities)
    optional("pyarrow", "a Parquet table")
    found = extract(store, chosen)
    with export_folder(out, found, "parquet", overwrite=overwrite) as folder:
        _write(folder, found, quantities, "parquet", _write_parquet)
    return Path(out)


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
    check_quantities(quantities)
    found = extract(store, chosen)
    with export_folder(out, found, "csv", overwrite=overwrite) as folder:
        _write(folder, found, quantities, "csv", _write_csv)
    return Path(out)


def channel_table(found: Extract, layer: str) -> "pd.DataFrame":
    """Name every channel of a layer, with its statistics over all positions."""
    import pandas as pd

    store, target = found.store, found.target
    known = layer_statistics(store, layer, target=target)
    names = channel_names(found.results.labels)
    table = {
        "name": [names.get((layer, c), UNNAMED) for c in range(known.channels)],
        "magnitude": known.magnitude,
        "rank": known.ranks + 1,
        "mean_share": known.mean_share,
        "relevant": known.relevant,
        "active": known.active,
        "dead": known.active == 0,
    }
    return pd.DataFrame(table, index=pd.RangeIndex(known.channels, name="channel"))


def _write(
    folder: Path, found: Extract, quantities: Sequence[str], kind: str, write: "Write"
) -> None:
    about = jsontext.dumps(found.provenance()).decode()
    for name, blocks in _tables(found, quantities):
        write(folder / f"{name}.{kind}", blocks, about)


def _tables(
    found: Extract, quantities: Sequence[str]
) -> Iterator[tuple[str, Iterable["pd.DataFrame"]]]:
    """Name each table and give the blocks that it consists of."""
    yield "positions", (found.frame(b).reset_index() for b in found.blocks())
    if found.store.columns.label_names:
        yield "labels", (found.labels(b).reset_index() for b in found.blocks())
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
    import pandas as pd

    names = [f"c{channel:04d}" for channel in range(found.store.channels(layer))]
    for block in found.blocks():
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
