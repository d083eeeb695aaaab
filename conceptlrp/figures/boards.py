"""Boards for papers, one or a grid: reference boards, mean maps, and empty boards.

Discs lie over the relevance of their squares, with its scale. Shapes use k boards, C
channels and n x n squares, row 0 being rank 1, which is drawn on top. A heatmap of an
empty board cannot come from any disc, only from the network's biases: the Flat rule
spreads them over the squares of every board, rules that multiply by the input give an
empty square none.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.errors import check_names
from conceptlrp.figures import style
from conceptlrp.figures.style import LINE, Sheet, color_bar
from conceptlrp.lrp import Best, Explainer, Played, Target
from conceptlrp.lrp.probing import VALUE, explain_boards
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import NO_MOVE, Position, parse_square, square_name
from conceptlrp.othello.board import squares
from conceptlrp.othello.positions import as_position
from conceptlrp.reference import ReferenceBoards
from conceptlrp.reference.boards import ReferenceBoard

_FELT: Final = "#c9d8cc"
_MARGIN: Final = 0.7
#: Room for the scale below all boards.
SCALE_HEIGHT: Final = 0.36


@style.styled
def board(
    position: Position | ArrayLike,
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
    position : Position or array of shape (n, n)
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
    position = as_position(position)
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
    """Draw a board with a heatmap (n, n); a text size of 0 leaves letters out."""
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
    """Draw an empty board: colours of a heatmap (n, n), lines and coordinates."""
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


_UPRIGHT: Final[dict[str, Any]] = {"rotation": 90, "ha": "right", "va": "center"}


@style.styled
def reference_figure(
    boards: ReferenceBoards,
    *,
    name: str = "",
    above: str = "",
    unit: str = "",
    title: str | None = None,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw boards with heatmaps of equal limits, scores, moves and games."""
    limit = 0.0 if boards.heatmaps is None else symmetric_limit(boards.heatmaps)
    sheet = Sheet(
        width,
        len(boards),
        max(1, min(len(boards), int(width / 1.6))),
        under=3 * LINE,
        foot=SCALE_HEIGHT + (LINE if boards.note else 0.0),
        title=_title_of(boards, name, above) if title is None else title,
    )
    figure, places = sheet.draw()
    for number, (axes, board) in enumerate(zip(places, boards.boards, strict=True)):
        heatmap = None if boards.heatmaps is None else boards.heatmaps[number]
        mark = _explained(boards.target, board)
        draw_board(
            axes, board.position, heatmap, limit=limit, mark=mark, text=style.TINY
        )
        lines = _caption(number, board, boards.by)
        _draw_caption(axes, lines, sheet.side, board.position.size)
    texts = [boards.note]
    if boards.heatmaps is None and len(boards):
        texts.append("heatmaps of these boards are not in the store")
    elif len(boards):
        draw_scale(figure, limit, unit or Target.parse(boards.target).unit)
    high = figure.get_size_inches()[1]
    for place, text in zip((SCALE_HEIGHT, 0.2), texts, strict=False):
        style.note(figure, 0.5, place / high, text, ha="center", color=style.QUIET)
    return figure


@style.styled
def mean_maps_figure(
    positive: NDArray[np.floating],
    negative: NDArray[np.floating],
    *,
    names: Sequence[str],
    unit: str = "logits",
    title: str,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw mean maps (C, n, n), each channel with limits of its own."""
    n = positive.shape[-1]
    # A few channels do not fill the width: a map has some two inches of it at most.
    room = range(int(width / 1.75), int((width - 0.5) / 0.75) + 1)
    columns = max(1, room.start, min(len(names), room.stop - 1))
    sheet = Sheet(
        width,
        len(names),
        columns,
        stack=2,
        left=0.14,
        over=LINE,
        under=LINE,
        foot=SCALE_HEIGHT,
        title=title,
    )
    figure, places = sheet.draw()
    for number, name in enumerate(names):
        limit = symmetric_limit([positive[number], negative[number]])
        above, below = places[2 * number], places[2 * number + 1]
        for axes, values in ((above, positive), (below, negative)):
            draw_ground(axes, n, values[number], limit=limit, text=0)
        text = style.shortened(name, sheet.side, style.SMALL)
        style.note(above, n / 2, -0.3, text, ha="center", va="bottom")
        text = f"±{limit:g}" if limit else "no relevance"
        style.note(below, n / 2, n + 0.35, text, ha="center", va="top")
        if number % columns == 0:
            for axes, word in ((above, "for"), (below, "against")):
                style.note(axes, -0.3, n / 2, word, **_UPRIGHT)
    draw_scale(figure, 1.0, f"{unit}, limits below maps", ends="limit")
    return figure


def _title_of(boards: ReferenceBoards, name: str, above: str) -> str:
    words = {"top": "highest", "bottom": "lowest"}
    how = f"{words.get(boards.strip, boards.strip)} {boards.by}"
    named = f" ({name})" if name else ""
    target = f"(target: {boards.target}{above})"
    return f"{boards.layer}:{boards.channel}{named}, {how} {target}"


def _explained(target: str, board: ReferenceBoard) -> int:
    """Return the square of the explained move of a board, or `NO_MOVE`."""
    size = board.position.size
    asked = Target.parse(target, size)
    if asked == Played():
        return parse_square(board.played, size) if board.played else NO_MOVE
    if asked == Best():
        return parse_square(next(iter(board.policy), "pass"), size)
    return next(iter(asked.named_squares), NO_MOVE)


def _caption(number: int, board: ReferenceBoard, by: str) -> tuple[str, str, str]:
    game, _, move = board.description.rpartition(", ")
    played = f": {board.played}" if board.played else ""
    return f"{number + 1}.  {by} {style.signed(board.score, 3)}", game, move + played


def _draw_caption(axes: Axes, lines: Sequence[str], room: float, n: int) -> None:
    """Write lines below a board, flush with its squares."""
    below = (n + 0.8) / room
    for number, line in enumerate(lines):
        y = n + 0.2 + (number * LINE + 0.03) * below
        text = style.shortened(line, 0.9 * room, style.SMALL)
        color = style.INK if number == 0 else style.QUIET
        style.note(axes, 0, y, text, va="top", color=color)


@style.styled
def empty_board_figure(
    network: AnyNetwork,
    composites: Sequence[str],
    *,
    allow_gradient: bool = False,
    move: str | None = None,
    title: str | None = None,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw the heatmaps of an empty board, for a move and the value."""
    names = tuple(check_names(composites, "composites", "a composite"))
    explainers = [
        Explainer(network, composite=name, allow_gradient=allow_gradient)
        for name in names
    ]
    size = explainers[0].size
    first = square_name(Position.start(size).legal_moves[0], size)
    square = parse_square(move or first, size)
    action = actions_of_squares([square], size=size)[0]
    asked = np.array([[action, VALUE]])
    nothing = np.zeros((1, size, size), np.int8)
    found = [explain_boards(explainer, nothing, asked) for explainer in explainers]
    has_value = bool(np.isfinite(found[0].explained[0, 1]))
    value = unit_of("value", explainers[0].value_kind)
    outputs = [f"logit of {move or first}", value][: 1 + has_value]
    sheet = Sheet(
        width,
        len(outputs) * len(names),
        len(names),
        left=0.16,
        over=LINE,
        under=LINE,
        foot=SCALE_HEIGHT,
        title="The heatmap of an empty board" if title is None else title,
    )
    figure, places = sheet.draw()
    board = Position(0, 0, size=size)
    for number, axes in enumerate(places):
        row, column = divmod(number, len(names))
        heatmap = found[column].heatmap[0, row]
        mark = NO_MOVE if row else square
        limit = symmetric_limit(heatmap)
        draw_board(axes, board, heatmap, limit=limit, mark=mark, text=style.TINY)
        _write(axes, names[column], heatmap, sheet.side)
        if column == 0:
            output = style.signed(float(found[0].explained[0, row]), 3)
            style.note(axes, -0.75, size / 2, f"{outputs[row]}, {output}", **_UPRIGHT)
    draw_scale(figure, 1.0, "limits below boards", ends="limit")
    return figure


def _write(axes: Axes, name: str, heatmap: NDArray[np.floating], side: float) -> None:
    """Write the composite above a board, its limit and its sum below."""
    n = len(heatmap)
    limit = symmetric_limit(heatmap)
    text = style.shortened(name, 0.9 * side, style.SMALL)
    style.note(axes, n / 2, -0.85, text, ha="center", va="bottom")
    below = "no relevance"
    if limit:
        below = f"limit ±{limit:g}, sum {style.signed(float(heatmap.sum()), 3)}"
    color = style.INK if limit else style.QUIET
    style.note(axes, n / 2, n + 0.35, below, ha="center", va="top", color=color)
