"""What rules draw on a board without a single disc.

A heatmap of an empty board cannot come from any disc: whatever is there is the
network's biases. The Flat rule spreads them over the squares, and so adds the same
picture to every board; rules that multiply by the input give an empty square none.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.figures.boards import SCALE_HEIGHT, draw_board, draw_scale
from conceptlrp.figures.sheets import LINE, Sheet
from conceptlrp.figures.style import (
    INK,
    QUIET,
    SMALL,
    TINY,
    TWO_COLUMNS,
    shortened,
    signed,
    styled,
)
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import VALUE, Relevance, explain_boards
from conceptlrp.othello import NO_MOVE, Position, parse_square, square_name


@styled
def empty_board_figure(
    network: nn.Module,
    composites: Sequence[str],
    *,
    move: str | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the heatmaps of an empty board, by default for a first move, and the value.

    A column for each composite, a row for each output. Below each board stand its own
    limit and what its squares add up to.
    """
    names = tuple(composites)
    explainers = [Explainer(network, composite=name) for name in names]
    size = explainers[0].size
    first = square_name(Position.start(size).legal_moves[0], size)
    square = parse_square(move or first, size)
    found = [_explain(explainer, square) for explainer in explainers]
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
        draw_board(axes, board, heatmap, limit=limit, mark=mark, text=TINY)
        _write(axes, names[column], heatmap, sheet.side)
        if column == 0:
            output = found[0].explained[0, row]
            _write_output(axes, outputs[row], float(output), size)
    draw_scale(figure, 1.0, "limits below boards", ends="limit")
    return figure


def _explain(explainer: Explainer, square: int) -> Relevance:
    """Explain a move and the value of an empty board."""
    size = explainer.size
    edge = (8 - size) // 2
    action = (square // 8 - edge) * size + square % 8 - edge
    boards = np.zeros((1, size, size), np.int8)
    return explain_boards(explainer, boards, np.array([[action, VALUE]]))


def _write(axes: Axes, name: str, heatmap: NDArray[np.floating], side: float) -> None:
    """Write the composite above a board, its limit and its sum below."""
    n = len(heatmap)
    limit = symmetric_limit(heatmap)
    text = shortened(name, 0.9 * side, SMALL)
    axes.text(n / 2, -0.85, text, size=SMALL, ha="center", va="bottom")
    below = "no relevance"
    if limit:
        below = f"limit ±{limit:g}, sum {signed(float(heatmap.sum()), 3)}"
    color = INK if limit else QUIET
    axes.text(n / 2, n + 0.35, below, size=SMALL, ha="center", va="top", color=color)


def _write_output(axes: Axes, name: str, output: float, n: int) -> None:
    axes.text(
        -0.75,
        n / 2,
        f"{name}, {signed(output, 3)}",
        size=SMALL,
        rotation=90,
        ha="right",
        va="center",
    )
