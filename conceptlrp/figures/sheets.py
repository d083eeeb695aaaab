"""Where things stand: grids of boards, axes without units, texts kept apart.

Sizes are in inches and known before anything is drawn. Shapes use n points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from conceptlrp.figures.style import FAINT, INK, QUIET, new_figure, write_title

#: Height of a line of small type.
LINE: Final = 0.125
_GAP: Final = 0.12
_HEAD: Final = 0.24
#: Room on either side, in inches.
MARGIN: Final = 0.08
_ROUNDS: Final = 300


@dataclass(frozen=True)
class Sheet:
    """A grid of blocks in columns, each a stack of square boards.

    `over` and `under` are the room above and below the boards of each block, `foot`
    is that below all blocks; lengths are inches.
    """

    width: float
    blocks: int
    columns: int
    stack: int = 1
    left: float = 0.0
    over: float = 0.0
    under: float = 0.0
    foot: float = 0.0
    title: str = ""

    @property
    def side(self) -> float:
        """Side of a board."""
        room = self.width - self.left - (self.columns + 1) * _GAP / 2
        return room / self.columns

    @property
    def block_height(self) -> float:
        """Height of a block with the gap below it."""
        boards = self.stack * self.side + (self.stack - 1) * _GAP / 2
        return self.over + boards + self.under + _GAP

    @property
    def height(self) -> float:
        """Height of the figure."""
        rows = -(-self.blocks // self.columns)
        return self._head + rows * self.block_height + self.foot

    @property
    def _head(self) -> float:
        return _HEAD if self.title else 0.04

    def draw(self) -> tuple[Figure, list[Axes]]:
        """Return the figure with its title, and axes block by block."""
        figure = new_figure(self.width, self.height)
        if self.title:
            write_title(figure, self.title)
        axes = [
            axes_at(figure, *self._place(block, board), self.side, self.side)
            for block in range(self.blocks)
            for board in range(self.stack)
        ]
        return figure, axes

    def _place(self, block: int, board: int) -> tuple[float, float]:
        """Return the lower left corner of a board."""
        row, column = divmod(block, self.columns)
        x = self.left + _GAP / 2 + column * (self.side + _GAP / 2)
        top = self.height - self._head - row * self.block_height - self.over
        y = top - self.side - board * (self.side + _GAP / 2)
        return x, y


def axes_at(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches from the lower left corner."""
    whole, high = figure.get_size_inches()
    return figure.add_axes((x / whole, y / high, width / whole, height / high))


def color_bar(
    figure: Figure,
    place: tuple[float, float, float],
    norm: Normalize,
    colors: Colormap,
    ends: Mapping[float, str],
) -> None:
    """Draw the scale of colours, what stands below it being given by value."""
    axes = axes_at(figure, *place, 0.08)
    bar = figure.colorbar(
        ScalarMappable(norm, colors),
        cax=axes,
        orientation="horizontal",
        ticks=list(ends),
    )
    bar.set_ticklabels(list(ends.values()))
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set(linewidth=0.5, edgecolor=QUIET)


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
