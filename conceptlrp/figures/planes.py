"""Points in the plane: axes without units, and texts that do not lie on each other.

Shapes use n points.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from conceptlrp.figures.sheets import axes_at
from conceptlrp.figures.style import FAINT, INK, new_figure, write_title

#: Room on either side, in inches.
MARGIN: Final = 0.08
_ROUNDS: Final = 300


def plane(
    width: float, title: str, points: NDArray[np.floating], *, under: float
) -> tuple[Figure, Axes]:
    """Return axes without units, about the bulk of the points."""
    tall = 0.75 * (width - 2 * MARGIN)
    height = 0.26 + tall + under
    figure = new_figure(width, height)
    axes = axes_at(figure, MARGIN, under, width - 2 * MARGIN, tall)
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    room = np.where(high > low, 0.07 * (high - low), 1.0)
    axes.set_xlim(float(low[0] - room[0]), float(high[0] + room[0]))
    axes.set_ylim(float(low[1] - room[1]), float(high[1] + room[1]))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT)
    write_title(figure, title, left=MARGIN)
    return figure, axes


def apart(axes: Axes, points: NDArray[Any], distance: float) -> list[list[float]]:
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


def write(axes: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """Write a text in the middle of a point."""
    style = {"color": INK, "ha": "center", "va": "center_baseline"} | style
    axes.text(x, y, text, size=size, **style)
