"""Patterns of discs, drawn as players draw them, and where a position shows them.

A pattern is a stencil of 3 x 3, 5 x 5 or 7 x 7 cells around its anchor:

    X  own disc          -  empty          .  anything, on the board or not
    O  opponent disc     *  empty, and the move that the pattern speaks for
    #  beyond the edge of the board

Row 0 of a stencil is the side of rank 1, as on the board. A pattern holds wherever
the stencil can be laid, unless ``#`` ties it to an edge or a corner. The anchor of a
5 x 5 stencil is never on the edge of the board, that of a 7 x 7 one two squares in.

Shapes use N positions; bitboards are uint64 as in `conceptlrp.othello`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.faithfulness import shift
from conceptlrp.othello import NO_MOVE

Words = NDArray[np.uint64]
#: A cell of a stencil: rows down and columns to the right of the anchor.
Offset = tuple[int, int]

_BOARD = (1 << 64) - 1
_SYMBOLS = "XO-*#."


@dataclass(frozen=True)
class Pattern:
    """A pattern of discs and the output that a planted network reads it with.

    Attributes
    ----------
    name : str
        Short name.
    stencil : tuple of str
        3, 5 or 7 rows of as many symbols. With a ``*``, the policy logit of that
        square reads the pattern, otherwise the value.
    sentence : str
        What the pattern is, in players' words.
    weight : float
        What the output gains where the pattern holds, in logits or value before
        tanh.

    Raises
    ------
    ValueError
        If the stencil is no such square, has two ``*``, has no disc, which is what
        relevance ends on, or fits nowhere on the board.

    Examples
    --------
    >>> from conceptlrp.othello.board import start
    >>> line = Pattern("line", ("...", "XO*", "..."), "a move along a rank")
    >>> line.moves(*start()).tolist()
    [37]
    """

    name: str
    stencil: tuple[str, ...]
    sentence: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        side, text = len(self.stencil), "".join(self.stencil)
        if side not in (3, 5, 7) or any(len(row) != side for row in self.stencil):
            msg = f"pattern {self.name}: the stencil is not 3 x 3, 5 x 5 or 7 x 7"
            raise ValueError(msg)
        if unknown := set(text) - set(_SYMBOLS):
            symbol = min(unknown)
            msg = f"pattern {self.name}: symbol '{symbol}', expected one of XO-*#."
            raise ValueError(msg)
        if text.count("*") > 1 or not {"X", "O"} & set(text):
            msg = f"pattern {self.name}: expected a disc and at most one '*'"
            raise ValueError(msg)
        if not self.anchors:
            msg = f"pattern {self.name}: the stencil fits nowhere on the board"
            raise ValueError(msg)

    @cached_property
    def radius(self) -> int:
        """Cells between the anchor and the edge of the stencil."""
        return len(self.stencil) // 2

    @cached_property
    def cells(self) -> dict[Offset, str]:
        """Symbol of every cell that is not ``.``, by its offset from the anchor."""
        side = range(-self.radius, self.radius + 1)
        drawn = {
            (row, column): self.stencil[row + self.radius][column + self.radius]
            for row in side
            for column in side
        }
        return {offset: symbol for offset, symbol in drawn.items() if symbol != "."}

    @cached_property
    def move(self) -> Offset | None:
        """Offset of the move that the pattern speaks for; None for the value."""
        return next((o for o, symbol in self.cells.items() if symbol == "*"), None)

    def matches(self, own: ArrayLike, opponent: ArrayLike) -> Words:
        """Return bitboards (N,) of the anchors at which the pattern holds."""
        mine, theirs = (
            np.atleast_1d(np.asarray(b, np.uint64)) for b in (own, opponent)
        )
        empty = ~(mine | theirs)
        holds = {"X": mine, "O": theirs, "-": empty, "*": empty}
        anchors = np.full(len(mine), self.anchors, np.uint64)
        for (row, column), symbol in self.cells.items():
            if symbol != "#":
                anchors &= shift(holds[symbol], -row, -column)
        return anchors

    @cached_property
    def anchors(self) -> int:
        """Bitboard of the squares around which the stencil fits on the board."""
        fits = np.uint64(_anchors_within(self.radius - 1))
        board = np.array([_BOARD], np.uint64)
        for (row, column), symbol in self.cells.items():
            (inside,) = shift(board, -row, -column)
            fits &= ~inside if symbol == "#" else inside
        return int(fits)

    def fires(self, own: ArrayLike, opponent: ArrayLike) -> NDArray[np.bool_]:
        """Return whether (N,) the pattern holds anywhere."""
        fires: NDArray[np.bool_] = self.matches(own, opponent) != 0
        return fires

    def squares(
        self, own: ArrayLike, opponent: ArrayLike, *, move: int | None = None
    ) -> Words:
        """Return bitboards (N,) of the squares that make up the pattern.

        With a move, only where the pattern speaks for that square.
        """
        anchors = self.matches(own, opponent)
        if move is not None and self.move is not None:
            row, column = self.move
            anchors &= shift(np.array([1 << move], np.uint64), -row, -column)
        squares = np.zeros_like(anchors)
        for (row, column), symbol in self.cells.items():
            if symbol != "#":
                squares |= shift(anchors, row, column)
        return squares

    def moves(self, own: ArrayLike, opponent: ArrayLike) -> NDArray[np.int8]:
        """Return the first move (N,) that the pattern speaks for, else `NO_MOVE`."""
        anchors = self.matches(own, opponent)
        if self.move is None:
            return np.full(len(anchors), NO_MOVE, np.int8)
        moves = shift(anchors, *self.move)
        lowest = np.bitwise_count((moves & (~moves + np.uint64(1))) - np.uint64(1))
        return np.where(moves != 0, lowest, NO_MOVE).astype(np.int8)


def _anchors_within(margin: int) -> int:
    """Bitboard of the squares at least so far from the edge of the board."""
    side = range(margin, 8 - margin)
    return sum(1 << 8 * row + column for row in side for column in side)
