"""Positions and channels in the plane: by cluster, or by a number.

Shapes use n points and K clusters. Distances in such a picture are distorted.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from conceptlrp.clustering import Clustering, position_features
from conceptlrp.clustering.blocks import feature_blocks
from conceptlrp.clustering.channels import channel_similarity
from conceptlrp.clustering.embeddings import plane_embedding
from conceptlrp.clustering.moments import feature_moments
from conceptlrp.figures.sheets import axes_at
from conceptlrp.figures.style import (
    FAINT,
    INK,
    KINDS,
    ONE_COLUMN,
    QUIET,
    RELEVANCE_COLORS,
    SIZE_COLORS,
    SMALL,
    TEXT,
    TINY,
    new_figure,
    shortened,
    styled,
    symmetric_norm,
    write_title,
)
from conceptlrp.store import Store

_MARKERS: Final = ("o", "^", "s", "D")
_MOST: Final = 5000
_ROUNDS: Final = 300
_MARGIN: Final = 0.08


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
    figure, axes = _plane(width, text, clustering.embedding, under=0.22)
    labels = clustering.labels
    drawn = np.random.default_rng(0).permutation(len(labels))[:max_points]
    for label in np.unique(labels[drawn]).tolist():
        inside = np.sort(drawn[labels[drawn] == label])
        _draw_cluster(axes, clustering.embedding[inside], label)
    middles = [
        np.median(clustering.embedding[labels == label], axis=0)
        for label in range(clustering.n_clusters)
    ]
    for label, (x, y) in enumerate(_apart(axes, np.array(middles), 0.16)):
        halo = [withStroke(linewidth=1.8, foreground="white")]
        _write(axes, x, y, str(label), TEXT, weight="bold", path_effects=halo)
    parts = [f"{clustering.n_clusters} clusters, {clustering.method.split('(')[0]}"]
    if clustering.noise:
        parts.append(f"{clustering.noise:,} positions are noise")
    if len(drawn) < len(labels):
        parts.append(f"{len(drawn):,} drawn")
    _write_below(figure, ", ".join(parts))
    return figure


@styled
def channel_map_figure(
    coordinates: ArrayLike,
    values: ArrayLike,
    *,
    name: str,
    signed: bool = False,
    numbers: Sequence[int] | None = None,
    title: str = "Channels",
    width: float = ONE_COLUMN,
) -> Figure:
    """Draw channels in the plane, coloured by a statistic.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        Places, such as `plane_embedding` gives of channel similarities.
    values : array of shape (n,)
        The statistic; channels for which it is nan are hollow.
    name : str
        What the statistic is, printed at its scale.
    signed : bool
        Colour from blue through white to orange, limits being symmetric.
    numbers : sequence of n int, optional
        Numbers of the channels; by default they are counted.
    title : str
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A disc for each channel with its number, pushed aside where another lies.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    places = np.asarray(coordinates, float)
    found = np.asarray(values, float)
    if places.shape != (len(found), 2):
        msg = f"coordinates have shape {places.shape}, expected ({len(found)}, 2)"
        raise ValueError(msg)
    figure, axes = _plane(width, title, places, under=0.42)
    norm = _norm(found, signed=signed)
    colors = RELEVANCE_COLORS if signed else SIZE_COLORS
    is_known = np.isfinite(found)
    places = np.array(_apart(axes, places, 0.145)).reshape(-1, 2)
    axes.scatter(
        places[is_known, 0],
        places[is_known, 1],
        c=found[is_known],
        cmap=colors,
        norm=norm,
        s=72,
        edgecolors=QUIET,
        linewidths=0.5,
    )
    axes.scatter(
        places[~is_known, 0],
        places[~is_known, 1],
        s=72,
        c="none",
        edgecolors=QUIET,
        linewidths=0.5,
    )
    dark = np.abs(np.nan_to_num(norm(found) - 0.5 * signed)) > 0.6 - 0.3 * signed
    for number, (x, y) in enumerate(places.tolist()):
        text = str(number if numbers is None else numbers[number])
        color = "white" if dark[number] else INK
        _write(axes, x, y, text, TINY, color=color)
    _draw_values(figure, norm, colors, name)
    return figure


def channel_places(
    store: Store, layer: str, *, target: int | str = 0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Lay the channels of a layer out by the positions on which they are relevant.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Name of the layer.
    target : int or str
        The explained output.

    Returns
    -------
    places : float32 array of shape (C, 2)
        t-SNE of the rows of the channels' correlations.
    sizes : float64 array of shape (C,)
        Mean magnitude of each channel's share, for `channel_map_figure`.
    """
    features = position_features(store, layer=layer, target=target)
    alike = channel_similarity(feature_moments(features))
    places = plane_embedding(alike.astype(np.float32), kind="tsne")
    total = np.zeros(len(alike))
    for _, block in feature_blocks(features):
        total += np.abs(block).sum(axis=0, dtype=np.float64)
    return places, total / max(len(features), 1)


def _plane(
    width: float, title: str, points: NDArray[np.floating], *, under: float
) -> tuple[Figure, Axes]:
    """Return axes without units, about the bulk of the points."""
    tall = 0.75 * (width - 2 * _MARGIN)
    height = 0.26 + tall + under
    figure = new_figure(width, height)
    axes = axes_at(figure, _MARGIN, under, width - 2 * _MARGIN, tall)
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    room = np.where(high > low, 0.07 * (high - low), 1.0)
    axes.set_xlim(float(low[0] - room[0]), float(high[0] + room[0]))
    axes.set_ylim(float(low[1] - room[1]), float(high[1] + room[1]))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT)
    write_title(figure, title, left=_MARGIN)
    return figure, axes


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


def _write(
    axes: Axes, x: float, y: float, text: str, size: float, **style: Any
) -> None:
    style = {"color": INK, "ha": "center", "va": "center_baseline"} | style
    axes.text(x, y, text, size=size, **style)


def _apart(axes: Axes, points: NDArray[Any], distance: float) -> list[list[float]]:
    """Push points apart until none are nearer than a distance in inches."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, span = np.array([left, bottom]), np.array([right - left, top - bottom])
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position()
    inches = figure.get_size_inches() * [box.width, box.height]
    places = (points - low) / span * inches
    # Points at the same place have to part in some direction.
    angles = 2.4 * np.arange(len(places))
    places += 1e-4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(_ROUNDS):
        steps = places[:, None] - places
        lengths = np.hypot(steps[..., 0], steps[..., 1])
        np.fill_diagonal(lengths, np.inf)
        push = np.maximum(distance - lengths, 0) / 2 / lengths
        if not push.any():
            break
        places += (push[..., None] * steps).sum(axis=1)
        places = np.clip(places, distance / 2, inches - distance / 2)
    found: list[list[float]] = (places / inches * span + low).tolist()
    return found


def _write_below(figure: Figure, text: str) -> None:
    width, height = figure.get_size_inches()
    text = shortened(text, width - 2 * _MARGIN, SMALL)
    place = (_MARGIN / width, 0.07 / height)
    figure.text(*place, text, size=SMALL, color=QUIET)


def _norm(values: NDArray[np.float64], *, signed: bool) -> Normalize:
    known = values[np.isfinite(values)]
    if signed:
        return symmetric_norm(float(np.abs(known).max(initial=0.0)))
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return Normalize(min(low, 0.0), high if high > min(low, 0.0) else low + 1.0)


def _draw_values(figure: Figure, norm: Normalize, colors: object, name: str) -> None:
    width, height = figure.get_size_inches()
    axes = axes_at(figure, _MARGIN + 0.25, 0.2, 1.2, 0.08)
    scale = ScalarMappable(norm, colors)  # type: ignore[arg-type]
    ends = [float(norm.vmin or 0.0), float(norm.vmax or 0.0)]
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal", ticks=ends)
    texts = [f"{end:.2g}".replace("-", "\N{MINUS SIGN}") for end in ends]
    bar.set_ticklabels(texts)
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set(linewidth=0.5, edgecolor=QUIET)
    text = shortened(name, width - 1.75, SMALL)
    place = ((_MARGIN + 1.55) / width, 0.24 / height)
    figure.text(*place, text, size=SMALL, va="center_baseline")
