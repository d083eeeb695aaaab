"""A page for every cluster of positions.

Shapes use N positions, n of them clustered, K clusters and C channels.
"""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from conceptlrp.atlas.board_cards import BoardShelf
from conceptlrp.atlas.charts import plies_svg, scale_svg, scatter_svg
from conceptlrp.atlas.site import Site, cluster_page
from conceptlrp.clustering import Clustering
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.report.wording import compact, signed_percent

__all__ = ["MarkerRow", "cluster_map", "marker_rows", "write_cluster_pages"]


@dataclass(frozen=True)
class MarkerRow:
    """A marker channel of a cluster.

    Attributes
    ----------
    channel : int
        Number of the channel.
    effect : float
        Standardised mean difference.
    inside, rest : str
        Mean feature in the cluster and in all clusters but this.
    width : float
        Magnitude of the effect relative to the largest of the cluster.
    """

    channel: int
    effect: float
    inside: str
    rest: str
    width: float


def write_cluster_pages(site: Site, clustering: Clustering, shelf: BoardShelf) -> None:
    """Write the pages of all clusters of a layer.

    Parameters
    ----------
    site : Site
        The atlas.
    clustering : Clustering
        The clusters.
    shelf : BoardShelf
        Where the boards come from.
    """
    plies = np.asarray(site.store.positions.ply)[clustering.rows]
    typical = clustering.typical(site.k)
    for number in range(clustering.n_clusters):
        heatmaps = site.store.heatmap(rows=typical[number], target=site.target)
        limit = symmetric_limit(heatmaps)
        distances = clustering.distances[
            np.searchsorted(clustering.rows, typical[number])
        ]
        inside = clustering.labels == number
        site.write(
            cluster_page(clustering.layer, number),
            "cluster.html",
            clustering=clustering,
            number=number,
            size=int(clustering.sizes[number]),
            plies=plies_svg(plies[inside], plies, name=f"cluster {number}"),
            middle=int(np.median(plies[inside])) + 1,
            map=cluster_map(clustering, root="../../", highlight=number),
            markers=marker_rows(clustering, number, 8),
            cards=shelf.cards(
                typical[number],
                distances,
                write=_distance,
                heatmaps=heatmaps,
                limit=limit,
            ),
            scale=scale_svg(limit, unit=site.unit) if limit else None,
        )


def cluster_map(
    clustering: Clustering, *, root: str, highlight: int | None = None
) -> Markup | None:
    """Draw the positions in the plane, if the clustering has coordinates.

    Parameters
    ----------
    clustering : Clustering
        The clusters.
    root : str
        Way from the page to the folder of the atlas.
    highlight : int, optional
        The only cluster that is coloured.

    Returns
    -------
    Markup or None
        An ``<svg>`` element.
    """
    if clustering.embedding is None:
        return None
    pages = range(clustering.n_clusters)
    return scatter_svg(
        clustering.embedding,
        clustering.labels,
        hrefs=[root + cluster_page(clustering.layer, number) for number in pages],
        highlight=highlight,
    )


def marker_rows(clustering: Clustering, number: int, k: int) -> tuple[MarkerRow, ...]:
    """List the marker channels of a cluster.

    Parameters
    ----------
    clustering : Clustering
        The clusters.
    number : int
        Number of the cluster.
    k : int
        Channels wanted.

    Returns
    -------
    tuple of k MarkerRow
        Strongest first.
    """
    markers = clustering.markers(k)[number]
    sizes = clustering.sizes.astype(float)
    others = np.arange(len(sizes)) != number
    rest = (
        np.average(clustering.centers[others], axis=0, weights=sizes[others])
        if others.any()
        else np.zeros(clustering.centers.shape[1])
    )
    write = signed_percent if clustering.feature == "share" else compact
    largest = float(np.abs(markers.effects).max(initial=0)) or 1.0
    return tuple(
        MarkerRow(
            channel=int(channel),
            effect=float(effect),
            inside=write(float(clustering.centers[number, channel])),
            rest=write(float(rest[channel])),
            width=abs(float(effect)) / largest,
        )
        for channel, effect in zip(markers.channels, markers.effects, strict=True)
    )


def _distance(value: float) -> str:
    return f"{value:.3f}"
