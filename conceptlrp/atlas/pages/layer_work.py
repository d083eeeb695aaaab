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

from conceptlrp.atlas.pages.cluster_pages import write_cluster_pages
from conceptlrp.atlas.pages.concept_pages import write_concept_page
from conceptlrp.atlas.pages.layer_pages import write_layer_page
from conceptlrp.atlas.pictures.board_cards import CardMaker
from conceptlrp.atlas.pictures.charts import scale_svg
from conceptlrp.atlas.pictures.sprites import png, sprite
from conceptlrp.atlas.site import Site, sprite_file
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.report import ChannelReport, layer_report
from conceptlrp.report.channel import ChannelLine
from conceptlrp.report.channel_places import channel_columns
from conceptlrp.store import open_store

if TYPE_CHECKING:
    from torch import nn

    from conceptlrp.lrp import Explainer

#: Thumbnails in a row of the picture of a layer.
COLUMNS = 32


@dataclass(frozen=True)
class Example:
    """The board by which the first page explains the colours."""

    layer: str
    channel: int
    picture: Markup
    scale: Markup
    description: str


@dataclass(frozen=True, eq=False)
class LayerPart:
    """What the pages that are about all layers need of one.

    `columns` (S, C) is what the map compares channels by; `digests` are the files
    that were written, as `Site.digests` has them.
    """

    layer: str
    facts: tuple[ChannelLine, ...]
    columns: NDArray[np.float32]
    random_labelled: float | None
    example: Example | None
    labelled: bool
    digests: Mapping[str, str]


@dataclass
class _Gathered:
    """What is kept of each report once its page is written."""

    facts: list[ChannelLine] = field(default_factory=list)
    maps: list[NDArray[np.float64]] = field(default_factory=list)
    phases: list[list[float]] = field(default_factory=list)
    example: Example | None = None
    labelled: bool = False
    random_labelled: float | None = None
    missing: tuple[str, ...] = ()

    def add(self, report: ChannelReport) -> None:
        self.facts.append(report.line)
        positive, negative = report.mean_positive, report.mean_negative
        if positive is not None and negative is not None:
            self.maps.append(positive + negative)
        self.phases.append([phase.magnitude or 0.0 for phase in report.phases])
        self.labelled = report.labels is not None
        self.random_labelled, self.missing = report.random_labelled, report.missing


def write_layer(
    site: Site,
    layer: str,
    explainer: "Explainer | None" = None,
) -> LayerPart:
    """Write all pages of a layer."""
    store, target = site.store, site.target
    maker = CardMaker(store, target=target)
    found, sizes = _Gathered(), np.zeros(0, np.int64)
    for report in _reports(site, layer, explainer):
        write_concept_page(site, report, maker)
        found.add(report)
        if report.statistics.rank == 1:
            found.example = _example(site, report, maker)
        sizes = np.array([phase.positions for phase in report.phases])
    if layer in site.clusterings:
        write_cluster_pages(site, site.clusterings[layer], maker)
    if found.maps:
        maps = np.stack(found.maps)
        tiles = sprite(maps, columns=min(COLUMNS, len(maps)))
        site.write_bytes(sprite_file(layer), png(tiles))
    write_layer_page(
        site,
        layer,
        found.facts,
        phases=np.array(found.phases),
        phase_sizes=sizes,
        labelled=found.labelled,
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
        labelled=found.labelled,
        digests=dict(site.digests),
    )


def write_layer_apart(
    known: Mapping[str, Any],
    layer: str,
    network: "nn.Module | None" = None,
) -> LayerPart:
    """Write all pages of a layer in a process that has not opened the store yet."""
    site = Site(**{**known, "store": open_store(known["store"])})
    explainer = None
    if network is not None:
        from conceptlrp.lrp.store_explainer import store_explainer

        explainer = store_explainer(site.store, network)
    return write_layer(site, layer, explainer)


def _reports(
    site: Site, layer: str, explainer: "Explainer | None"
) -> Iterator[ChannelReport]:
    reports = iter(
        layer_report(
            site.store,
            layer,
            target=site.target,
            count=site.count,
            notes=site.notes,
            results=site.results,
        )
    )
    if explainer is None:
        return reports
    # What computes needs torch, which takes seconds to import.
    from conceptlrp.atlas.pictures.strip_maps import mapped_reports

    return mapped_reports(reports, site.store, explainer)


def _example(site: Site, report: ChannelReport, maker: CardMaker) -> Example | None:
    boards = report.strips["relevant"]
    if boards.heatmaps is None or not len(boards.heatmaps):
        return None
    heat, row = boards.heatmaps[0], boards.boards[0].row
    limit = symmetric_limit(heat)
    return Example(
        layer=report.layer,
        channel=report.channel,
        picture=maker.picture(row, heatmap=heat, limit=limit, size_px=336),
        scale=scale_svg(limit, unit=site.unit),
        description=boards.boards[0].description,
    )
