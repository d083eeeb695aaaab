"""Reference boards in the terminal.

Shapes use k boards and n x n squares. Black is a full disc, white an open one,
so that a board is legible without colours too; relevance is the background.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.columns import Columns
from rich.console import Group
from rich.text import Text

from conceptlrp.drawing.colors import symmetric_limit, to_rgb
from conceptlrp.othello import BLACK, Position, parse_square
from conceptlrp.othello.positions import as_position
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report.words.numbers import compact, signed_percent

_FELT = "#c9d8cc"

# The outermost colours would hide black discs; the terminal uses the inner part.
_REACH = 0.6


def board_text(
    position: Position | ArrayLike,
    *,
    heatmap: NDArray[np.floating] | None = None,
    limit: float | None = None,
    mark: int = -1,
) -> Text:
    """Write a position as text with coloured squares.

    Parameters
    ----------
    position, heatmap, limit, mark
        As for `conceptlrp.drawing.board_svg`.

    Returns
    -------
    Text
        A line for the files and one for every rank.

    Examples
    --------
    >>> board_text(Position.start(6)).plain.splitlines()[3]
    '3   · ○ ●    '
    """
    position = as_position(position)
    n = position.size
    colors = _backgrounds(n, heatmap, limit)
    text = Text("  " + " ".join("abcdefgh"[:n]))
    for row in range(n):
        text.append(f"\n{row + 1}")
        for column in range(n):
            sign = _sign(position, row, column, mark)
            text.append(f" {sign}", style=f"black on {colors[row][column]}")
    return text


def reference_table(boards: ReferenceBoards) -> Group:
    """Arrange boards for rich to print, as many side by side as fit, and their note."""
    limit = 0.0 if boards.heatmaps is None else symmetric_limit(boards.heatmaps)
    write = signed_percent if boards.by == "share" else compact
    cards = []
    for place, position in enumerate(boards.positions):
        played = boards.played[place]
        side = "black" if position.mover == BLACK else "white"
        on_board = played not in ("", "pa")
        heatmap = None if boards.heatmaps is None else boards.heatmaps[place]
        mark = parse_square(played, position.size) if on_board else -1
        cards.append(
            Group(
                Text(f"{write(float(boards.scores[place]))}  {side} {played}", "bold"),
                board_text(position, heatmap=heatmap, limit=limit, mark=mark),
                Text(boards.descriptions[place], "dim"),
                Text(""),
            )
        )
    note = [Text(f"{boards.layer}:{boards.channel}: {boards.note}")]
    return Group(
        *(note if boards.note else []),
        Columns(cards, padding=(0, 3), width=28),
        *([_legend(boards, limit)] if cards else []),
    )


def _legend(boards: ReferenceBoards, limit: float) -> Text:
    """Say what the signs and, where there are heatmaps, the colours mean."""
    text = Text("● black  ○ white  × move played  · legal move", "dim")
    if limit:
        against, speaks = (
            f"black on #{bytes(rgb).hex()}"
            for rgb in to_rgb([-_REACH, _REACH], 1.0).tolist()
        )
        text.append("\n").append(f" -{limit:g} ", against).append(" against  ")
        text.append(f" +{limit:g} ", speaks).append(f" for {boards.target}")
    return text


def _backgrounds(
    n: int, heatmap: NDArray[np.floating] | None, limit: float | None
) -> list[list[str]]:
    if heatmap is None:
        return [[_FELT] * n] * n
    edge = (len(heatmap) - n) // 2
    values = np.asarray(heatmap, dtype=float)[edge : edge + n, edge : edge + n]
    bound = symmetric_limit(values) if limit is None else limit
    return [
        [f"#{bytes(rgb).hex()}" for rgb in row]
        for row in to_rgb(_REACH * np.clip(values, -bound, bound), bound).tolist()
    ]


def _sign(position: Position, row: int, column: int, mark: int) -> str:
    edge = (8 - position.size) // 2
    square = 8 * (row + edge) + column + edge
    if position.black >> square & 1:
        return "●"
    if position.white >> square & 1:
        return "○"
    if square == mark:
        return "×"
    return "·" if square in position.legal_moves else " "
