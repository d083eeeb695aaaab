"""Channels in the plane, alike ones near each other, coloured by a statistic.

Shapes use C channels. Distances in such a picture are distorted.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from conceptlrp.figures.planes import MARGIN, apart, plane, write
from conceptlrp.figures.sheets import color_bar
from conceptlrp.figures.style import (
    INK,
    ONE_COLUMN,
    QUIET,
    RELEVANCE_COLORS,
    SIZE_COLORS,
    SMALL,
    TINY,
    shortened,
    styled,
    symmetric_norm,
)


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
        Places, such as `conceptlrp.report.channel_places` finds.
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
    figure, axes = plane(width, title, places, under=0.42)
    norm = _norm(found, signed=signed)
    colors = RELEVANCE_COLORS if signed else SIZE_COLORS
    is_known = np.isfinite(found)
    places = np.array(apart(axes, places, 0.145)).reshape(-1, 2)
    rim: dict[str, Any] = {"s": 72, "edgecolors": QUIET, "linewidths": 0.5}
    x, y = places[is_known].T
    axes.scatter(x, y, c=found[is_known], cmap=colors, norm=norm, **rim)
    x, y = places[~is_known].T
    axes.scatter(x, y, c="none", **rim)
    dark = np.abs(np.nan_to_num(norm(found) - 0.5 * signed)) > 0.6 - 0.3 * signed
    for place, (x, y) in enumerate(places.tolist()):
        text = str(place if numbers is None else numbers[place])
        write(axes, x, y, text, TINY, color="white" if dark[place] else INK)
    _draw_values(figure, norm, colors, name)
    return figure


def _norm(values: NDArray[np.float64], *, signed: bool) -> Normalize:
    known = values[np.isfinite(values)]
    if signed:
        return symmetric_norm(float(np.abs(known).max(initial=0.0)))
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return Normalize(min(low, 0.0), high if high > min(low, 0.0) else low + 1.0)


def _draw_values(figure: Figure, norm: Normalize, colors: Colormap, name: str) -> None:
    width, height = figure.get_size_inches()
    values = [float(norm.vmin or 0.0), float(norm.vmax or 0.0)]
    texts = [f"{value:.2g}".replace("-", "\N{MINUS SIGN}") for value in values]
    ends = dict(zip(values, texts, strict=True))
    color_bar(figure, (MARGIN + 0.25, 0.2, 1.2), norm, colors, ends)
    text = shortened(name, width - 1.75, SMALL)
    place = ((MARGIN + 1.55) / width, 0.24 / height)
    figure.text(*place, text, size=SMALL, va="center_baseline")
