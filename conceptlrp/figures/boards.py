"""Boards for papers: discs over the relevance of their squares, with its scale.

Shapes use n x n squares, row 0 being rank 1, which is drawn on top.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.figures import style
from conceptlrp.figures.sheets import Sheet, color_bar
from conceptlrp.othello import NO_MOVE, Position, parse_square
from conceptlrp.othello.board import squares

_FELT: Final = "#c9d8cc"
_MARGIN: Final = 0.7
#: Room for the scale below all boards.
SCALE_HEIGHT: Final = 0.36


@style.styled
def board(
    position: Position,
    heatmap: ArrayLike | None = None,
    *,
    mark: int | str = NO_MOVE,
    limit: float | None = None,
    unit: str = "logits",
    title: str | None = None,
    legal: bool = True,
    width: float = style.ONE_COLUMN,
) -> Figure:
    """Draw a position, over the relevance of its squares if there is any.

    Parameters
    ----------
    position : Position
        The board and the side to move.
    heatmap : array of shape (n, n), optional
        Signed relevance of each square.
    mark : int or str
        The explained move, which gets a cross, or `NO_MOVE`.
    limit, unit : float, str
        Magnitude of the outermost colours, by default that of the heatmap, and the
        unit, printed beside the limits.
    title, legal, width : str, bool, float
        The text above, whether to mark legal moves by dots, and inches.

    Returns
    -------
    Figure
        The board, and below it the scale of its colours.
    """
    square = parse_square(mark, position.size) if isinstance(mark, str) else mark
    foot = SCALE_HEIGHT if heatmap is not None else 0.0
    sheet = Sheet(width, 1, 1, foot=foot, title=title or "")
    figure, (axes,) = sheet.draw()
    values = None if heatmap is None else fitted(heatmap, position.size)
    if limit is None:
        limit = 0.0 if values is None else symmetric_limit(values)
    draw_board(
        axes, position, values, limit=limit, mark=square, legal=legal, text=style.TEXT
    )
    if values is not None:
        draw_scale(figure, limit, unit)
    return figure


def fitted(heatmap: ArrayLike, size: int) -> NDArray[np.float64]:
    """Return a heatmap as numbers of the shape of its board."""
    values = np.asarray(heatmap, dtype=float)
    if values.shape != (size, size):
        msg = f"heatmap has shape {values.shape}, expected ({size}, {size})"
        raise ValueError(msg)
    return values


def draw_board(
    axes: Axes,
    position: Position,
    heatmap: NDArray[np.floating] | None = None,
    *,
    limit: float = 0.0,
    mark: int = NO_MOVE,
    legal: bool = False,
    text: float = style.SMALL,
) -> None:
    """Draw one board on axes that it fills; a text size of 0 leaves letters out.

    Shapes: `heatmap` (n, n).
    """
    n = position.size
    draw_ground(axes, n, heatmap, limit=limit, text=text)
    radius = 0.36 if heatmap is not None else 0.41
    rim = {"edgecolors": "black", "linewidths": 0.5}
    _circles(axes, squares(position.black), n, radius, facecolors="black", **rim)
    _circles(axes, squares(position.white), n, radius, facecolors="white", **rim)
    if legal:
        dots = [s for s in position.legal_moves if s != mark]
        _circles(axes, dots, n, 0.13, facecolors="white", alpha=0.75)
        _circles(axes, dots, n, 0.08, facecolors="#333333")
    if position.last >= 0:
        color = "white" if position.black >> position.last & 1 else "black"
        _circles(axes, [position.last], n, 0.1, facecolors=color)
    if 0 <= mark < 64:
        _draw_cross(axes, mark, n)


def draw_ground(
    axes: Axes,
    n: int,
    heatmap: NDArray[np.floating] | None,
    *,
    limit: float,
    text: float,
) -> None:
    """Draw an empty board: its colours, lines and coordinates.

    Shapes: `heatmap` (n, n).
    """
    axes.set_axis_off()
    edge = _MARGIN if text else 0.1
    axes.set(xlim=(-edge, n + 0.1), ylim=(n + 0.1, -edge), aspect="equal")
    values = np.zeros((n, n)) if heatmap is None else heatmap
    mesh = axes.pcolormesh(
        np.arange(n + 1),
        np.arange(n + 1),
        values,
        cmap=style.RELEVANCE_COLORS,
        norm=style.symmetric_norm(limit),
        # Rims of the same colour close the seams that viewers leave.
        edgecolors="face",
        linewidth=0.2,
    )
    if heatmap is None:
        mesh.set(facecolors=_FELT, array=None)
    _draw_lines(axes, n, thick=0.6 if text else 0.4)
    for i in range(n if text else 0):
        for x, y, letter in (
            (i + 0.5, -0.4, "abcdefgh"[i]),
            (-0.4, i + 0.5, str(i + 1)),
        ):
            axes.text(
                x, y, letter, size=text, color=style.QUIET, va="center", ha="center"
            )


def draw_scale(
    figure: Figure, limit: float, unit: str, *, ends: str | None = None
) -> None:
    """Draw the scale of the colours in the middle of the lower edge."""
    width, height = figure.get_size_inches()
    at = 0.24
    beside = max(style.text_width(word, style.SMALL) for word in (unit, "relevance"))
    long = max(0.7, min(0.5 * width, 2.0, width - 2 * beside - 0.3))
    if not limit:
        text = "no relevance on any square"
        style.note(figure, 0.5, at / height, text, ha="center", color=style.QUIET)
        return
    left, middle = (width - long) / 2, (at + 0.04) / height
    texts = (style.signed(-limit), style.signed(limit))
    if ends is not None:
        texts = (f"\N{MINUS SIGN}{ends}", f"+{ends}")
    color_bar(
        figure,
        (left, at, long),
        style.symmetric_norm(limit),
        style.RELEVANCE_COLORS,
        {-limit: texts[0], 0: "0", limit: texts[1]},
    )
    for x, text, side in (
        (left - 0.06, "relevance", "right"),
        (left + long + 0.06, unit, "left"),
    ):
        style.note(figure, x / width, middle, text, ha=side, va="center_baseline")


def _draw_lines(axes: Axes, n: int, *, thick: float) -> None:
    inner = [[(i, 0), (i, n)] for i in range(1, n)]
    inner += [[(0, i), (n, i)] for i in range(1, n)]
    axes.add_collection(
        LineCollection(inner, colors="black", alpha=0.28, linewidths=0.5 * thick)
    )
    rim = [[(0, 0), (n, 0), (n, n), (0, n), (0, 0)]]
    axes.add_collection(
        LineCollection(rim, colors="black", linewidths=thick, joinstyle="miter")
    )


def _circles(axes: Axes, found: list[int], n: int, radius: float, **look: Any) -> None:
    """Draw circles at squares, their radius in squares."""
    if not found:
        return
    wide = np.full(len(found), 2 * radius)
    circles = EllipseCollection(
        wide,
        wide,
        np.zeros(len(found)),
        units="xy",
        offsets=[_center(square, n) for square in found],
        offset_transform=axes.transData,
        **({"linewidths": 0} | look),
    )
    axes.add_collection(circles)


def _center(square: int, n: int) -> tuple[float, float]:
    edge = (8 - n) // 2
    return square % 8 - edge + 0.5, square // 8 - edge + 0.5


def _draw_cross(axes: Axes, square: int, n: int) -> None:
    x, y = _center(square, n)
    arms = [
        [(x - 0.2, y - 0.2), (x + 0.2, y + 0.2)],
        [(x - 0.2, y + 0.2), (x + 0.2, y - 0.2)],
    ]
    for color, thick in (("white", 2.6), (style.INK, 1.3)):
        axes.add_collection(
            LineCollection(arms, colors=color, linewidths=thick, capstyle="round")
        )
