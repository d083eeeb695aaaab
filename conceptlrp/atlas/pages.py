"""The concept atlas: a folder of pages that opens from disk.

    index.html                      the network, the corpus, all channels, the clusters
    concepts/<layer>/c0012.html     one channel: reference boards and statistics
    clusters/<layer>/k03.html       one cluster: markers and typical boards
    thumbnails/<layer>.png          mean heatmaps of a layer's channels
    style.css, atlas.json           the looks; where the numbers come from

Nothing is fetched from a network and no script runs. The same store gives the
same bytes.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from conceptlrp.atlas.board_cards import BoardShelf
from conceptlrp.atlas.charts import scale_svg
from conceptlrp.atlas.cluster_pages import (
    MarkerRow,
    cluster_map,
    marker_rows,
    write_cluster_pages,
)
from conceptlrp.atlas.concept_pages import write_concept_pages
from conceptlrp.atlas.layer_table import LayerTable, read_layer
from conceptlrp.atlas.site import MARKER, Site, concept_page, sprite_file
from conceptlrp.atlas.sprites import png, sprite
from conceptlrp.atlas.staging import staged_folder
from conceptlrp.atlas.strength_table import strength_rows
from conceptlrp.clustering import Clustering, load_stability
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.report import Note, layer_reports
from conceptlrp.store import Store

__all__ = ["build_atlas"]

_COLUMNS = 32


@dataclass(frozen=True)
class _Cell:
    """A channel on the first page."""

    channel: int
    href: str
    column: int
    row: int
    width: float
    dead: bool


@dataclass(frozen=True)
class _Layer:
    """A layer on the first page."""

    name: str
    shape: str
    cells: tuple[_Cell, ...]
    dead: int
    columns: int
    has_thumbnails: bool


@dataclass(frozen=True)
class _Clusters:
    """A clustering on the first page."""

    clustering: Clustering
    map: Markup | None
    markers: tuple[tuple[MarkerRow, ...], ...]


@dataclass(frozen=True)
class _Example:
    """The board by which the first page explains the colours."""

    layer: str
    channel: int
    picture: Markup
    scale: Markup
    description: str


def build_atlas(
    store: Store,
    out: str | os.PathLike[str],
    *,
    clusterings: Sequence[Clustering] = (),
    k: int = 8,
    target: int | str = 0,
    title: str | None = None,
    notes: Mapping[tuple[str, int], Note] | None = None,
    strength: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    on_page: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the atlas of a store: a page a channel, a page a cluster.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    out : path
        Folder to write; it appears when it is complete.
    clusterings : sequence of Clustering
        Clusters of the store's positions, at most one for each layer.
    k : int
        Boards in a strip, or fewer where the store keeps fewer heatmaps.
    target : int or str
        Explained output that the pages are about.
    title : str, optional
        Title of the atlas; by default it names the network.
    notes : mapping of (layer, channel) to Note, optional
        Remarks that the channels' pages show.
    strength : mapping, optional
        Strength card of the network, as `conceptlrp.selfplay.read_card` returns it.
    overwrite : bool
        Replace an atlas that stands at `out`, and nothing else.
    on_page : callable, optional
        Called with the channels done and their total after each layer.

    Returns
    -------
    Path
        The folder; open its ``index.html``.

    Raises
    ------
    OutputExistsError
        If something stands at `out` that must not be replaced.
    ValueError
        If a clustering is of another store, two are of one layer, or the strength
        card is of another network.
    """
    name = store.targets[store.target_index(target)]
    by_layer = _check_clusterings(store, clusterings)
    rows = strength_rows(strength, store)
    network = str(store.manifest.network.get("name", "an Othello network"))
    with staged_folder(out, marker=MARKER, overwrite=overwrite) as folder:
        site = Site(
            folder=folder,
            store=store,
            target=name,
            title=title or f"Concept atlas of {network}",
            k=k,
            clusterings=by_layer,
            notes=notes or {},
            strength=rows,
        )
        _write_pages(site, on_page or _ignore)
    return Path(out)


def _ignore(_done: int, _total: int) -> None:
    """Report to nobody."""


def _check_clusterings(
    store: Store, clusterings: Sequence[Clustering]
) -> dict[str, Clustering]:
    digest = str(store.manifest.corpus.get("digest", ""))
    by_layer: dict[str, Clustering] = {}
    for found in clusterings:
        if found.layer not in store.layers or found.corpus != digest:
            msg = (
                f"a clustering of layer {found.layer!r} and corpus {found.corpus[:8]} "
                f"is not of this store ({digest[:8]}); cluster its positions again"
            )
            raise ValueError(msg)
        if found.layer in by_layer:
            msg = f"two clusterings of layer {found.layer!r}, expected at most one"
            raise ValueError(msg)
        by_layer[found.layer] = found
    return by_layer


def _write_pages(site: Site, report: Callable[[int, int], None]) -> None:
    shelf = BoardShelf(site.store, target=site.target)
    total = sum(site.store.channels(layer) for layer in site.store.layers)
    layers, example = [], None
    for layer in site.store.layers:
        table = read_layer(site.store, layer, target=site.target)
        reports = layer_reports(
            site.store, layer, target=site.target, k=site.k, notes=site.notes
        )
        write_concept_pages(site, reports, shelf)
        layers.append(_layer_overview(site, table))
        example = _example(site, table, shelf) or example
        report(sum(len(each.cells) for each in layers), total)
    for clustering in site.clusterings.values():
        stability = load_stability(site.store, clustering)
        write_cluster_pages(site, clustering, shelf, stability=stability)
    site.write(
        "index.html",
        "index.html",
        layers=layers,
        clusterings=[_clusters_overview(each) for each in site.clusterings.values()],
        example=example,
        mean_output=float(site.store.explained(target=site.target).mean()),
    )
    for name in ("style.css", "atlas.js"):
        site.write_bytes(name, files("conceptlrp.atlas").joinpath(name).read_bytes())
    site.write_provenance()


def _layer_overview(site: Site, table: LayerTable) -> _Layer:
    means = table.mean_maps()
    columns = min(_COLUMNS, table.channels)
    if means is not None:
        site.write_bytes(sprite_file(table.layer), png(sprite(means, columns=columns)))
    largest = float(table.magnitude.max(initial=0)) or 1.0
    cells = tuple(
        _Cell(
            channel=channel,
            href=concept_page(table.layer, channel),
            column=channel % columns,
            row=channel // columns,
            width=float(table.magnitude[channel]) / largest,
            dead=bool(table.active[channel] == 0),
        )
        for channel in range(table.channels)
    )
    shape = site.store.manifest.layers[table.layer]
    return _Layer(
        name=table.layer,
        shape=f"{shape['height']} \N{MULTIPLICATION SIGN} {shape['width']}",
        cells=cells,
        dead=sum(cell.dead for cell in cells),
        columns=columns,
        has_thumbnails=means is not None,
    )


def _clusters_overview(clustering: Clustering) -> _Clusters:
    return _Clusters(
        clustering=clustering,
        map=cluster_map(clustering, root=""),
        markers=tuple(
            marker_rows(clustering, number, 4)
            for number in range(clustering.n_clusters)
        ),
    )


def _example(site: Site, table: LayerTable, shelf: BoardShelf) -> _Example | None:
    """Take the most relevant board of the layer's strongest channel."""
    channel = int(table.order[0])
    games = np.asarray(site.store.positions.game)
    rows, _, heatmaps = table.strip(channel, "share-top", 1, games)
    if len(rows) == 0 or heatmaps is None:
        return None
    limit = symmetric_limit(heatmaps)
    row = int(rows[0])
    return _Example(
        layer=table.layer,
        channel=channel,
        picture=shelf.picture(row, heatmap=heatmaps[0], limit=limit, size_px=336),
        scale=scale_svg(limit, unit=site.unit),
        description=site.store.positions.describe(row),
    )
