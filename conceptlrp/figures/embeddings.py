"""Positions and channels in the plane: by cluster, or by a number.

Shapes use n points and K clusters. Distances in such a picture are distorted.
"""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from conceptlrp.clustering import Clustering
from conceptlrp.figures.planes import MARGIN, apart, plane, write
from conceptlrp.figures.style import (
    FAINT,
    KINDS,
    ONE_COLUMN,
    QUIET,
    SMALL,
    TEXT,
    shortened,
    styled,
)

_MARKERS: Final = ("o", "^", "s", "D")
_MOST: Final = 5000


@styled
def embedding_figure(
    clustering: Clustering,
    *,
    title: str | None = None,
    max_points: int = _MOST,
    width: float = ONE_COLUMN,
) -> Figure:
    """Draw clustered positions in the plane, coloured and numbered by cluster.

    Parameters
    ----------
    clustering : Clustering
        With an embedding.
    title : str, optional
        Printed above.
    max_points : int
        Points at most; a fixed random sample where there are more.
    width : float
        Inches.

    Returns
    -------
    Figure
        Clusters differ in colour and mark, and have their number in their middle;
        noise is grey.

    Raises
    ------
    ValueError
        If the clustering has no embedding.
    """
    if clustering.embedding is None:
        msg = (
            f"the clustering of {clustering.layer} has no embedding; run "
            "'conceptlrp cluster' again"
        )
        raise ValueError(msg)
    text = title or f"{clustering.layer}: {len(clustering):,} positions"
    figure, axes = plane(width, text, clustering.embedding, under=0.22)
    labels = clustering.labels
    drawn = np.random.default_rng(0).permutation(len(labels))[:max_points]
    for label in np.unique(labels[drawn]).tolist():
        inside = np.sort(drawn[labels[drawn] == label])
        _draw_cluster(axes, clustering.embedding[inside], label)
    middles = [
        np.median(clustering.embedding[labels == label], axis=0)
        for label in range(clustering.n_clusters)
    ]
    for label, (x, y) in enumerate(apart(axes, np.array(middles), 0.16)):
        halo = [withStroke(linewidth=1.8, foreground="white")]
        write(axes, x, y, str(label), TEXT, weight="bold", path_effects=halo)
    parts = [f"{clustering.n_clusters} clusters, {clustering.method.split('(')[0]}"]
    if clustering.noise:
        parts.append(f"{clustering.noise:,} positions are noise")
    if len(drawn) < len(labels):
        parts.append(f"{len(drawn):,} drawn")
    _write_below(figure, ", ".join(parts))
    return figure


def _draw_cluster(axes: Axes, points: NDArray[np.floating], label: int) -> None:
    if label < 0:
        axes.scatter(points[:, 0], points[:, 1], s=2, c=FAINT, linewidths=0, zorder=0)
        return
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=3.5,
        c=KINDS[label % len(KINDS)],
        marker=_MARKERS[label // len(KINDS) % len(_MARKERS)],
        alpha=0.75,
        linewidths=0,
    )


def _write_below(figure: Figure, text: str) -> None:
    width, height = figure.get_size_inches()
    text = shortened(text, width - 2 * MARGIN, SMALL)
    place = (MARGIN / width, 0.07 / height)
    figure.text(*place, text, size=SMALL, color=QUIET)
