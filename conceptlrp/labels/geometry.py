"""Where squares lie: corners, edges, diagonals, location classes.

A square is a number 0..63 as in `conceptlrp.othello`; masks are bitboards. A 6 x 6
board lies in the middle of the 8 x 8 word. Words are uint64 arrays of any shape.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import region_of

# What kernels compute with: uint64 arrays, which numpy types too narrowly for the
# masks and steps that are Python integers.
Words: TypeAlias = Any

#: Classes of squares that symmetries take into each other, the corner first. Those
#: without a name among players have that of their square nearest to a1.
LOCATION_CLASSES: Final = (
    "corner",
    "C",
    "A",
    "B",
    "X",
    "c2",
    "d2",
    "c3",
    "d3",
    "center",
)

NOT_FILE_A: Final = 0xFEFEFEFEFEFEFEFE
NOT_FILE_H: Final = 0x7F7F7F7F7F7F7F7F
# By the distances from the two nearer edges, the smaller one first.
_CLASS_OF: Final = dict(
    zip(combinations_with_replacement(range(4), 2), LOCATION_CLASSES, strict=True)
)


@dataclass(frozen=True)
class Corner:
    """A corner and the three squares around it, as bitboards."""

    square: int
    x_square: int
    c_squares: int


@dataclass(frozen=True)
class Side:
    """A side of the board: its corners, the squares between, the C-squares."""

    corners: int
    between: int
    c_squares: tuple[int, int]


@dataclass(frozen=True)
class BoardParts:
    """Parts of a board of one size, as bitboards.

    ``region`` is the whole board, ``horizontal`` the first and last rank, ``vertical``
    the first and last file, ``middle`` the central 4 x 4; ``moves`` counts the squares
    that are empty at the start of a game.
    """

    region: int
    edge: int
    horizontal: int
    vertical: int
    corners: int
    x_squares: int
    c_squares: int
    middle: int
    corner: tuple[Corner, ...]
    edges: tuple[Side, ...]
    diagonals: tuple[int, int]
    moves: int


@cache
def board_parts(size: int) -> BoardParts:
    """Return the parts of a board, or refuse its size."""
    region, n = region_of(size), size - 1

    def mask(chosen: Callable[[int, int], bool]) -> int:
        side = range(size)
        return _mask(((r, c) for r in side for c in side if chosen(r, c)), size)

    corner = tuple(_corner(r, c, size) for r in (0, n) for c in (0, n))
    return BoardParts(
        region=region,
        edge=mask(lambda r, c: r in (0, n) or c in (0, n)),
        horizontal=mask(lambda r, _: r in (0, n)),
        vertical=mask(lambda _, c: c in (0, n)),
        corners=sum(each.square for each in corner),
        x_squares=sum(each.x_square for each in corner),
        c_squares=sum(each.c_squares for each in corner),
        middle=mask(lambda r, c: all(abs(2 * x - n) < 4 for x in (r, c))),
        corner=corner,
        edges=_edges(size),
        diagonals=(mask(lambda r, c: r == c), mask(lambda r, c: r + c == n)),
        moves=size * size - 4,
    )


def location_classes(size: int = 8) -> NDArray[np.int8]:
    """Return the location class of every square of the 8 x 8 word.

    Parameters
    ----------
    size : int
        Side of the board, 8 or 6.

    Returns
    -------
    int8 of shape (64,)
        Places in `LOCATION_CLASSES`; -1 for a square that is not on the board. A
        board of 6 x 6 has no B-square, d2, d3, and its centre is c3.

    Examples
    --------
    >>> [LOCATION_CLASSES[i] for i in location_classes()[:4]]
    ['corner', 'C', 'A', 'B']
    """
    board_parts(size)
    classes = np.full(64, -1, np.int8)
    for row in range(size):
        for column in range(size):
            far = min(row, size - 1 - row), min(column, size - 1 - column)
            name = _CLASS_OF[min(far), max(far)]
            name = "center" if min(far) == size // 2 - 1 else name
            square = _mask([(row, column)], size).bit_length() - 1
            classes[square] = LOCATION_CLASSES.index(name)
    return classes


def dilate(words: Words, region: int) -> Words:
    """Return the squares on the board that are in a set or touch it."""
    wide = words | ((words << 1) & NOT_FILE_A) | ((words >> 1) & NOT_FILE_H)
    grown: Words = (wide | (wide << 8) | (wide >> 8)) & region
    return grown


def _mask(squares: Iterable[tuple[int, int]], size: int) -> int:
    margin = (8 - size) // 2
    return sum(1 << 8 * (row + margin) + column + margin for row, column in squares)


def _corner(row: int, column: int, size: int) -> Corner:
    down = 1 if row == 0 else -1
    right = 1 if column == 0 else -1
    return Corner(
        _mask([(row, column)], size),
        _mask([(row + down, column + right)], size),
        _mask([(row + down, column), (row, column + right)], size),
    )


def _edges(size: int) -> tuple[Side, ...]:
    n = size - 1
    sides = [[(r, c) for c in range(size)] for r in (0, n)]
    sides += [[(r, c) for r in range(size)] for c in (0, n)]
    return tuple(
        Side(
            _mask([side[0], side[-1]], size),
            _mask(side[1:-1], size),
            (_mask([side[1]], size), _mask([side[-2]], size)),
        )
        for side in sides
    )
