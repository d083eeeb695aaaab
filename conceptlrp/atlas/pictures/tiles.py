"""A channel at a glance: one board, and what its report says in a few words.

The script of the first page holds 2,048 boards of n x n squares, so that squares and
heat are digits there, several to a letter, which `unpacked` of atlas.js reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from conceptlrp.atlas.pictures.page_boards import heat_text, page_board
from conceptlrp.othello import BLACK, NO_MOVE, Position, square_name
from conceptlrp.report import ChannelReport
from conceptlrp.report.stored_layer import crop
from conceptlrp.report.words.channel import glance, served_moves, strongest_squares

#: 81 letters that stand for themselves in JSON and between the tags of a page.
LETTERS: Final = "".join(chr(n) for n in range(35, 126) if chr(n) not in "$&'/<>\\`{|")
_SHADES, _WORDS = 13, 3

Heat = NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Tile:
    """A channel's first board, for pages and `packed` for the script, and words.

    In `short`, a star stands for squares that `packed` holds.
    """

    words: str
    short: str
    topic: str
    board: Markup
    packed: str
    limit: float


def make_tile(report: ChannelReport, marks: NDArray[np.int8], n: int) -> Tile:
    """Make the tile of a channel; its board is of the quantity that gave the name."""
    strips = (report.strips[name] for name in report.shown)
    first = next((each for each in strips if len(each)), None)
    position, mark, heat, limit = Position(0, 0, size=n), NO_MOVE, None, 0.0
    if first is not None:
        position, mark = first.boards[0].position, int(marks[first.boards[0].row])
        if first.heatmaps is not None:
            heat = crop(first.heatmaps[0], n)
            limit = heat_text(heat)[1]
    moves = [each.move for each in served_moves(report)]
    where = strongest_squares(report)
    words = report.name.text if report.name.is_named else glance(report)
    squares = ", ".join((moves or where)[:_WORDS])
    return Tile(
        words=words,
        short=words.replace(squares or "*", "*"),
        topic=_topic(report.name.label),
        board=page_board(position, heatmap=heat, mark=mark),
        packed=_packed(position, mark, heat, limit) + _named(moves, where),
        limit=limit,
    )


def _topic(label: str) -> str:
    """Shorten a rule in squares to what it is about; other labels are short."""
    kinds = ("legal move", "own disc", "opponent's disc", "empty square")
    found = [kind for kind in kinds if " with " in label and kind in label]
    return f"next to {found[0]}s" if found else label[:40]


def _packed(position: Position, mark: int, heat: Heat, limit: float) -> str:
    """Write squares, heat, mover, explained and last move of a board."""
    n = position.size
    discs = ["-XO".index(each) for each in position.obf()[: n * n]]
    steps = np.zeros(n * n) if heat is None or not limit else heat.ravel() / limit
    shades = np.rint(steps * _SHADES).clip(-_SHADES, _SHADES) + _SHADES
    mover = LETTERS[position.mover == BLACK]
    return (
        digits(discs, 3, 8, 2)
        + digits(shades, 2 * _SHADES + 1, 4, 3)
        + mover
        + "".join(
            _letter(square_name(each, n) if 0 <= each < 64 else "")
            for each in (mark, position.last)
        )
    )


def _named(*lists: Sequence[str]) -> str:
    """Write the first three squares of each list."""
    return "".join(
        _letter(name)
        for each in lists
        for name in (*each[:_WORDS], *[""] * _WORDS)[:_WORDS]
    )


def digits(digits: ArrayLike, base: int, group: int, width: int) -> str:
    """Write digits in groups of letters: base ** group numbers are 81 ** width."""
    known = np.asarray(digits, dtype=np.int64)
    padded = np.pad(known, (0, -len(known) % group)).reshape(-1, group)
    numbers = padded @ base ** np.arange(group)
    letters = numbers[:, None] // len(LETTERS) ** np.arange(width) % len(LETTERS)
    return "".join(LETTERS[each] for each in letters.ravel().tolist())


def _letter(name: str) -> str:
    """Write a square, counted by eights from a1; a pass or none is the last letter."""
    if len(name) != 2 or not name[1].isdigit():
        return LETTERS[-1]
    return LETTERS[8 * (int(name[1]) - 1) + "abcdefgh".index(name[0])]
