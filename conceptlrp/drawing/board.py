"""A board as a small SVG picture, legible with and without a heatmap.

Shapes use n x n squares, row 0 being rank 1, which is drawn on top. Relevance colours
an empty square, and of a disc the core, whose area grows with it: the position stays
readable, and so does the sign at 80 pixels. Zero is the board's own colour. Everything
of one kind is one path: a run of squares is a line as long as it is wide, a disc is a
line of no length with round ends. The script board.js draws pages by the same numbers.
"""

from itertools import groupby
from typing import Protocol
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.colors import (
    AGAINST,
    FELT,
    FOR,
    LEVELS,
    levels,
    symmetric_limit,
)

__all__ = ["board_svg"]

#: Diameters of a disc and of its core in the strongest colour, in squares.
DISC, CORE = 0.82, 0.66
#: Opacity of the strongest colour on an empty square and under a disc.
TINT, UNDER = 0.9, 0.5
_FILES, _RANKS = "abcdefgh", "12345678"


class Board(Protocol):
    """What is drawn of a position; squares are those of the 8 x 8 word."""

    @property
    def size(self) -> int: ...
    @property
    def mover(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def black(self) -> int: ...
    @property
    def white(self) -> int: ...
    @property
    def legal_moves(self) -> tuple[int, ...]: ...
    def obf(self) -> str: ...


def board_svg(
    position: Board,
    *,
    heatmap: ArrayLike | None = None,
    limit: float | None = None,
    legal: bool = True,
    last: bool = True,
    mark: int = -1,
    size_px: int = 176,
    coordinates: bool = True,
    title: str | None = None,
) -> str:
    """Draw a position, over the relevance of its squares if there is any.

    Parameters
    ----------
    position : Board
        A position: the discs and the side to move.
    heatmap : array of shape (n, n) or (8, 8), optional
        Signed relevance of each square, shown in steps of 1/12 of the
        limit. Of an 8 x 8 map only the middle is drawn on a 6 x 6 board; other
        shapes raise `ValueError`.
    limit : float, optional
        Magnitude of the outermost colours; by default that of the heatmap.
    legal, last : bool, bool
        Mark legal moves by dots, and the last move by a frame.
    mark : int
        Square to cross, such as the explained move, or -1 for none.
    size_px, coordinates, title : int, bool, str
        Width and height; whether to write files above and ranks to the left; and what
        is shown on hovering and read out before the position.

    Returns
    -------
    str
        An ``<svg>`` element, the same for the same arguments, that stands alone
        or inside a page; with a heatmap about 2.4 KB.

    Examples
    --------
    >>> from conceptlrp.othello import Position
    >>> board_svg(Position.start()).startswith("<svg xmlns=")
    True
    """
    if not hasattr(position, "legal_moves"):
        what = f"{type(position).__name__}, expected a Position"
        msg = f"position is {what}; Position.from_array makes one of a board"
        raise TypeError(msg)
    n = position.size
    steps = np.zeros((n, n), np.int8)
    if heatmap is not None:
        values = _fit(heatmap, n)
        steps = levels(values, symmetric_limit(values) if limit is None else limit)
    taken = _taken(position)
    parts = [
        _opening(position, size_px, coordinates=coordinates, title=title),
        f'<path fill="{FELT}" d="M0 0h{n}v{n}H0z"/>',
        f'<g transform="translate(0 .5)">{_tints(steps, taken)}</g>',
        _grid(n) + (_coordinates(n) if coordinates else ""),
        '<g transform="translate(.5 .5)" stroke-linecap="round">',
        _discs(position),
        _cores(steps, taken),
    ]
    if legal:
        parts.append(_dots([s for s in position.legal_moves if s != mark], n))
    if last and position.last >= 0:
        parts.append(_last_move(position))
    if 0 <= mark < 64:
        parts.append(_cross(mark, n))
    return "".join([*parts, "</g></svg>"])


def _opening(
    position: Board, size_px: int, *, coordinates: bool, title: str | None
) -> str:
    n = position.size
    box = f"-.75 -.75 {n + 0.8:g} {n + 0.8:g}" if coordinates else f"0 0 {n} {n}"
    side = "white" if position.mover else "black"
    label = f"{title + ': ' if title else ''}{side} to move, {position.obf()}"
    if position.last >= 0:
        label += f", last move {_name(position.last, n)}"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" fill="none" '
        f'width="{size_px}" height="{size_px}" role="img" aria-label={quoted(label)}>'
    )
    return opening + (f"<title>{quoted(title)[1:-1]}</title>" if title else "")


def quoted(text: str) -> str:
    """Quote for an attribute; control characters have no place in XML."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return quoteattr(text, {'"': "&quot;"})


def _name(square: int, n: int) -> str:
    edge = (8 - n) // 2
    return _FILES[square % 8 - edge] + _RANKS[square // 8 - edge]


def _squares(word: int) -> list[int]:
    return [square for square in range(64) if word >> square & 1]


def _coordinates(n: int) -> str:
    places = " ".join(str(i) for i in range(n))
    left = " ".join(["-.85"] * n)
    return (
        '<g fill="currentColor" fill-opacity=".6" font-size=".4" text-anchor="middle" '
        'font-family="sans-serif" transform="translate(.5 .64)">'
        f'<text x="{places}" y="-.84">{_FILES[:n]}</text>'
        f'<text x="{left}" y="{places}">{_RANKS[:n]}</text></g>'
    )


def _fit(heatmap: ArrayLike, n: int) -> NDArray[np.float64]:
    values = np.asarray(heatmap, dtype=float)
    if values.shape == (n, n):
        return values
    if values.shape == (8, 8):
        edge = (8 - n) // 2
        return values[edge : edge + n, edge : edge + n]
    msg = f"heatmap has shape {values.shape}, expected ({n}, {n}) or (8, 8)"
    raise ValueError(msg)


def _taken(position: Board) -> NDArray[np.bool_]:
    """Find the squares (n, n) on which there are discs."""
    n = position.size
    edge = (8 - n) // 2
    word = position.black | position.white
    every = np.array([word >> square & 1 for square in range(64)], bool).reshape(8, 8)
    return every[edge : edge + n, edge : edge + n]


def _tints(steps: NDArray[np.int8], taken: NDArray[np.bool_]) -> str:
    """Colour squares, those of discs less; runs of one colour in a row are one line."""
    runs: dict[tuple[int, bool], list[str]] = {}
    for row, line in enumerate(zip(steps.tolist(), taken.tolist(), strict=True)):
        column = 0
        for kind, run in groupby(zip(*line, strict=True)):
            length = len(list(run))
            runs.setdefault(kind, []).append(f"M{column} {row}h{length}")
            column += length
    return "".join(
        f'<path stroke="{FOR if step > 0 else AGAINST}" stroke-opacity="'
        f'{abs(step) / LEVELS * (UNDER if under else TINT):.2f}" d="{"".join(found)}"/>'
        for (step, under), found in sorted(runs.items())
        if step
    )


def _cores(steps: NDArray[np.int8], taken: NDArray[np.bool_]) -> str:
    """Colour the middle of discs, areas being as the steps."""
    cores: dict[int, list[str]] = {}
    # The faintest step would be a dot on every disc.
    for row, column in zip(*np.nonzero(taken & (np.abs(steps) > 1)), strict=True):
        cores.setdefault(int(steps[row, column]), []).append(f"M{column} {row}h0")
    return "".join(
        f'<path stroke="{FOR if step > 0 else AGAINST}" stroke-width="'
        f'{CORE * (abs(step) / LEVELS) ** 0.5:.2f}" d="{"".join(found)}"/>'
        for step, found in sorted(cores.items())
    )


def _grid(n: int) -> str:
    inner = "".join(f"M{i} 0v{n}M0 {i}h{n}" for i in range(1, n))
    far = n - 2
    # The four points where the diagonals leave the corners, as on a real board.
    stars = f"M2 2h0M{far} 2h0M2 {far}h0M{far} {far}h0"
    return (
        '<g stroke="#000" stroke-linecap="round">'
        f'<path stroke-opacity=".28" stroke-width=".03" d="{inner}"/>'
        f'<path stroke-opacity=".6" stroke-width=".12" d="{stars}"/>'
        f'<path stroke-width=".05" d="M0 0h{n}v{n}H0z"/></g>'
    )


def _points(found: list[int], n: int) -> str:
    edge = (8 - n) // 2
    return "".join(f"M{s % 8 - edge} {s // 8 - edge}h0" for s in found)


def _discs(position: Board) -> str:
    """Draw a rim under every disc, and the white ones on top of theirs."""
    n = position.size
    every = _points(_squares(position.black | position.white), n)
    white = _points(_squares(position.white), n)
    return (
        f'<path stroke="#000" stroke-width="{DISC:g}" d="{every}"/>'
        f'<path stroke="#fff" stroke-width="{DISC - 0.08:g}" d="{white}"/>'
    )


def _dots(moves: list[int], n: int) -> str:
    path = _points([s for s in moves if s < 64], n)
    if not path:
        return ""
    return (
        f'<path stroke="#fff" stroke-opacity=".75" stroke-width=".26" d="{path}"/>'
        f'<path stroke="#333" stroke-width=".16" d="{path}"/>'
    )


def _last_move(position: Board) -> str:
    """Frame the square of the last move: its disc is free for the heat."""
    edge = (8 - position.size) // 2
    x, y = position.last % 8 - edge - 0.45, position.last // 8 - edge - 0.45
    return f'<path stroke="#111" stroke-width=".07" d="M{x:g} {y:g}h.9v.9h-.9z"/>'


def _cross(square: int, n: int) -> str:
    edge = (8 - n) // 2
    d = f"M{square % 8 - edge - 0.2:g} {square // 8 - edge - 0.2:g}l.4 .4m0-.4l-.4 .4"
    return (
        f'<path stroke="#fff" stroke-width=".24" d="{d}"/>'
        f'<path stroke="#111" stroke-width=".11" d="{d}"/>'
    )
