"""Positions by cluster and channels by a statistic, as points in the plane.

Shapes use n points and K clusters. Distances in such a picture are distorted.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from conceptlrp.clustering import Clustering
from conceptlrp.figures import style
from conceptlrp.figures.style import MARGIN, apart, color_bar, plane, write

_MARKERS: Final = ("o", "^", "s", "D")
_MOST: Final = 5000


@style.styled
def embedding_figure(
    clustering: Clustering,
    *,
    title: str | None = None,
    max_points: int = _MOST,
    width: float = style.ONE_COLUMN,
) -> Figure:
    """Draw clustered positions in the plane, coloured and numbered by cluster."""
    if clustering.embedding is None:
        msg = (
            f"the clustering of {clustering.layer} has no embedding; cluster again "
            "with one"
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
        write(axes, x, y, str(label), style.TEXT, weight="bold", path_effects=halo)
    parts = [f"{clustering.n_clusters} clusters, {clustering.method.split('(')[0]}"]
    if clustering.noise:
        parts.append(f"{clustering.noise:,} positions are noise")
    if len(drawn) < len(labels):
        parts.append(f"{len(drawn):,} drawn")
    _write_below(figure, ", ".join(parts))
    return figure


def _draw_cluster(axes: Axes, points: NDArray[np.floating], label: int) -> None:
    if label < 0:
        axes.scatter(
            points[:, 0], points[:, 1], s=2, c=style.FAINT, linewidths=0, zorder=0
        )
        return
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=3.5,
        c=style.KINDS[label % len(style.KINDS)],
        marker=_MARKERS[label // len(style.KINDS) % len(_MARKERS)],
        alpha=0.75,
        linewidths=0,
    )


def _write_below(figure: Figure, text: str) -> None:
    width, height = figure.get_size_inches()
    text = style.shortened(text, width - 2 * MARGIN, style.SMALL)
    style.note(figure, MARGIN / width, 0.07 / height, text, color=style.QUIET)


@style.styled
def channel_map_figure(
    places: NDArray[np.floating],
    sizes: NDArray[np.floating],
    channels: Sequence[int],
    *,
    name: str,
    title: str,
    width: float = style.ONE_COLUMN,
) -> Figure:
    """Draw channels as discs near places (n, 2), coloured by a size of at least 0."""
    figure, axes = plane(width, title, places, under=0.42)
    norm = Normalize(0.0, float(sizes.max(initial=0.0)) or 1.0)
    moved = np.array(apart(axes, places, 0.145)).reshape(-1, 2)
    rim: dict[str, Any] = {"s": 72, "edgecolors": style.QUIET, "linewidths": 0.5}
    axes.scatter(
        moved[:, 0], moved[:, 1], c=sizes, cmap=style.SIZE_COLORS, norm=norm, **rim
    )
    for channel, size, (x, y) in zip(channels, sizes, moved.tolist(), strict=True):
        color = "white" if norm(size) > 0.6 else style.INK
        write(axes, x, y, str(channel), style.TINY, color=color)
    _draw_sizes(figure, norm, name)
    return figure


def _draw_sizes(figure: Figure, norm: Normalize, name: str) -> None:
    width, height = figure.get_size_inches()
    ends = {0.0: "0", float(norm.vmax or 0.0): f"{norm.vmax:.2g}"}
    color_bar(figure, (MARGIN + 0.25, 0.2, 1.2), norm, style.SIZE_COLORS, ends)
    text = style.shortened(name, width - 1.75, style.SMALL)
    place = ((MARGIN + 1.55) / width, 0.24 / height)
    style.note(figure, *place, text, va="center_baseline")
