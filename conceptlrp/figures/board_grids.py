"""Reference boards of a channel, mean maps of channels, and empty boards, as grids.

Shapes use k boards, C channels and n x n squares. A heatmap of an empty board cannot
come from any disc, only from the network's biases: the Flat rule spreads them over the
squares of every board, rules that multiply by the input give an empty square none.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.figures import style
from conceptlrp.figures.boards import SCALE_HEIGHT, draw_board, draw_ground, draw_scale
from conceptlrp.figures.sheets import LINE, Sheet
from conceptlrp.lrp import Best, Explainer, Played, Target
from conceptlrp.lrp.probing import VALUE, explain_boards
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import NO_MOVE, Position, parse_square, square_name
from conceptlrp.reference import ReferenceBoards
from conceptlrp.reference.boards import ReferenceBoard


@style.styled
def reference_figure(
    boards: ReferenceBoards,
    *,
    name: str = "",
    above: str = "",
    title: str | None = None,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw boards with their heatmaps, scores and where they come from.

    The move that was played has a cross where it is what is explained; all boards have
    the same limits, the largest magnitude of their heatmaps.
    """
    if not len(boards):
        msg = f"there are no boards of {boards.layer}:{boards.channel} to draw"
        raise ValueError(msg)
    limit = 0.0 if boards.heatmaps is None else symmetric_limit(boards.heatmaps)
    sheet = Sheet(
        width,
        len(boards),
        max(1, min(len(boards), int(width / 1.6))),
        under=3 * LINE,
        foot=SCALE_HEIGHT,
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
    if boards.heatmaps is not None:
        draw_scale(figure, limit, Target.parse(boards.target).unit)
    else:
        text = "heatmaps of these boards are not in the store"
        high = figure.get_size_inches()[1]
        figure.text(
            0.5, 0.2 / high, text, size=style.SMALL, ha="center", color=style.QUIET
        )
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
    columns = max(1, min(len(names), int((width - 0.5) / 0.75)))
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
        above.text(n / 2, -0.3, text, size=style.SMALL, ha="center", va="bottom")
        text = f"±{limit:g}" if limit else "no relevance"
        below.text(n / 2, n + 0.35, text, size=style.SMALL, ha="center", va="top")
        if number % columns == 0:
            for axes, word in ((above, "for"), (below, "against")):
                axes.text(
                    -0.3,
                    n / 2,
                    word,
                    size=style.SMALL,
                    rotation=90,
                    ha="right",
                    va="center",
                )
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
        axes.text(
            0,
            n + 0.2 + (number * LINE + 0.03) * below,
            style.shortened(line, 0.9 * room, style.SMALL),
            size=style.SMALL,
            va="top",
            color=style.INK if number == 0 else style.QUIET,
        )


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
    names = tuple(composites)
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
    outputs = [f"logit of {move or first}", "value before tanh"][: 1 + has_value]
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
            output = found[0].explained[0, row]
            _write_output(axes, outputs[row], float(output), size)
    draw_scale(figure, 1.0, "limits below boards", ends="limit")
    return figure


def _write(axes: Axes, name: str, heatmap: NDArray[np.floating], side: float) -> None:
    """Write the composite above a board, its limit and its sum below."""
    n = len(heatmap)
    limit = symmetric_limit(heatmap)
    text = style.shortened(name, 0.9 * side, style.SMALL)
    axes.text(n / 2, -0.85, text, size=style.SMALL, ha="center", va="bottom")
    below = "no relevance"
    if limit:
        below = f"limit ±{limit:g}, sum {style.signed(float(heatmap.sum()), 3)}"
    color = style.INK if limit else style.QUIET
    axes.text(
        n / 2, n + 0.35, below, size=style.SMALL, ha="center", va="top", color=color
    )


def _write_output(axes: Axes, name: str, output: float, n: int) -> None:
    axes.text(
        -0.75,
        n / 2,
        f"{name}, {style.signed(output, 3)}",
        size=style.SMALL,
        rotation=90,
        ha="right",
        va="center",
    )
