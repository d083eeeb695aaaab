"""All pages of one layer: its channels, its clusters and the layer itself.

Layers do not depend on each other, so that each can be written by a process of its
own. Shapes use S sampled positions, C channels and n x n squares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.channel_facts import ChannelFact, channel_fact
from conceptlrp.atlas.pages.cluster_pages import write_cluster_pages
from conceptlrp.atlas.pages.concept_pages import write_concept_page
from conceptlrp.atlas.pages.layer_pages import write_layer_page
from conceptlrp.atlas.pictures.board_cards import BoardShelf
from conceptlrp.atlas.pictures.charts import scale_svg
from conceptlrp.atlas.pictures.sprites import png, sprite
from conceptlrp.atlas.site import Site, sprite_file
from conceptlrp.clustering import load_stability
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.lrp.store_explainer import store_explainer
from conceptlrp.report import ChannelReport, layer_reports
from conceptlrp.report.channel_places import channel_columns
from conceptlrp.store import open_store

if TYPE_CHECKING:
    from torch import nn

    from conceptlrp.lrp import Explainer

__all__ = ["COLUMNS", "Example", "LayerPart", "write_layer", "write_layer_apart"]

#: Thumbnails in a row of the picture of a layer.
COLUMNS = 32


@dataclass(frozen=True)
class Example:
    """The board by which the first page explains the colours.

    Attributes
    ----------
    layer, channel : str, int
        Whose board it is.
    picture, scale : Markup
        The board and its colours.
    description : str
        Players, year and move number.
    """

    layer: str
    channel: int
    picture: Markup
    scale: Markup
    description: str


@dataclass(frozen=True, eq=False)
class LayerPart:
    """What the pages that are about all layers need of one.

    Attributes
    ----------
    layer : str
        Name of the layer.
    facts : tuple of C ChannelFact
        Its channels.
    columns : float32 array of shape (S, C)
        What the map compares them by.
    random_labelled : float or None
        Part of the channels of a network with random weights that get a label.
    example : Example or None
        The most relevant board of the strongest channel.
    has_thumbnails : bool
        Whether there is a picture of its mean heatmaps.
    digests : dict of str to str
        The files that were written, as `Site.digests` has them.
    """

    layer: str
    facts: tuple[ChannelFact, ...]
    columns: NDArray[np.float32]
    random_labelled: float | None
    example: Example | None
    has_thumbnails: bool
    digests: Mapping[str, str]


@dataclass
class _Gathered:
    """What is kept of each report once its page is written."""

    facts: list[ChannelFact] = field(default_factory=list)
    maps: list[NDArray[np.float64]] = field(default_factory=list)
    phases: list[list[float]] = field(default_factory=list)
    example: Example | None = None
    random_labelled: float | None = None
    missing: tuple[str, ...] = ()

    def add(self, report: ChannelReport) -> None:
        self.facts.append(channel_fact(report))
        positive, negative = report.mean_positive, report.mean_negative
        if positive is not None and negative is not None:
            self.maps.append(positive + negative)
        self.phases.append([phase.magnitude or 0.0 for phase in report.phases])
        self.random_labelled, self.missing = report.random_labelled, report.missing


def write_layer(
    site: Site,
    layer: str,
    names: Mapping[tuple[str, int], str],
    explainer: "Explainer | None" = None,
) -> LayerPart:
    """Write all pages of a layer.

    Returns: for the pages about all layers.
    """
    store, target = site.store, site.target
    shelf = BoardShelf(store, target=target)
    found, sizes = _Gathered(), np.zeros(0, np.int64)
    for report in _reports(site, layer, explainer):
        write_concept_page(site, report, shelf, names=names)
        found.add(report)
        if report.statistics.rank == 1:
            found.example = _example(site, report, shelf)
        sizes = np.array([phase.positions for phase in report.phases])
    if layer in site.clusterings:
        clustering = site.clusterings[layer]
        stability = load_stability(store, clustering)
        write_cluster_pages(site, clustering, shelf, stability=stability, names=names)
    if found.maps:
        maps = np.stack(found.maps)
        tiles = sprite(maps, columns=min(COLUMNS, len(maps)))
        site.write_bytes(sprite_file(layer), png(tiles))
    write_layer_page(
        site,
        layer,
        found.facts,
        names=names,
        phases=np.array(found.phases),
        phase_sizes=sizes,
        random_labelled=found.random_labelled,
        missing=found.missing,
        columns=min(COLUMNS, len(found.facts)) if found.maps else 0,
    )
    return LayerPart(
        layer=layer,
        facts=tuple(found.facts),
        columns=channel_columns(store, layer, target=target),
        random_labelled=found.random_labelled,
        example=found.example,
        has_thumbnails=bool(found.maps),
        digests=dict(site.digests),
    )


def write_layer_apart(
    path: str,
    known: Mapping[str, Any],
    layer: str,
    names: Mapping[tuple[str, int], str],
    network: "nn.Module | None" = None,
) -> LayerPart:
    """Write all pages of a layer in a process that has not opened the store yet.

    Returns: as of `write_layer`.
    """
    site = Site(store=open_store(path), **known)
    explainer = None if network is None else store_explainer(site.store, network)
    return write_layer(site, layer, names, explainer)


def _reports(
    site: Site, layer: str, explainer: "Explainer | None"
) -> Iterator[ChannelReport]:
    reports = layer_reports(
        site.store, layer, target=site.target, k=site.k, notes=site.notes
    )
    if explainer is None:
        return reports
    # What computes needs torch, which takes seconds to import.
    from conceptlrp.atlas.pictures.strip_maps import mapped_reports

    return mapped_reports(reports, site.store, explainer)


def _example(site: Site, report: ChannelReport, shelf: BoardShelf) -> Example | None:
    boards = report.strips["relevant"]
    if boards.heatmaps is None or not len(boards.heatmaps):
        return None
    heat, row = boards.heatmaps[0], boards.boards[0].row
    limit = symmetric_limit(heat)
    return Example(
        layer=report.layer,
        channel=report.channel,
        picture=shelf.picture(row, heatmap=heat, limit=limit, size_px=336),
        scale=scale_svg(limit, unit=site.unit),
        description=boards.boards[0].description,
    )
