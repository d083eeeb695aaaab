"""Where squares lie, and what discs form: corners, lines, walls, empty regions.

A square is a number 0..63 as in `conceptlrp.othello`; masks are bitboards. A 6 x 6
board lies in the middle of the 8 x 8 word. Words are uint64 arrays of any shape.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import count, region_of, runs, square_bits, squares
from conceptlrp.othello.position import square_name

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
    """Parts of a board as bitboards; ``moves`` are squares empty at the start."""

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


# What classes of squares are called; others are named after one of their squares.
_CLASSES: Final = {
    "corner": "corners",
    "center": "the center",
    **{each: f"{each}-squares" for each in "CABX"},
}


@cache
def places(size: int) -> dict[str, tuple[str, int]]:
    """Return the places of a board by name: their kind, and squares as a bitboard.

    They are every square ("h7"), ninth ("the top right"), edge, half, and class of
    squares ("corners"). A symmetry takes a place into one of its kind. Rank 1 is at the
    top, as boards are drawn; of eight ranks or files the middle ones are two.
    """
    parts, side, third = board_parts(size), [*range(size)], (size + 1) // 3
    classes = location_classes(size)
    found = {square_name(s, size): ("square", 1 << s) for s in squares(parts.region)}
    for k, name in enumerate(LOCATION_CLASSES):
        mask = int(square_bits(np.flatnonzero(classes == k)).sum())
        if mask:
            found[_CLASSES.get(name, f"squares like {name}")] = ("class", mask)
    ends = side[:third], side[third : size - third], side[size - third :]
    for down, ranks in zip(("top", "middle", "bottom"), ends, strict=True):
        for across, files in zip(("left", "middle", "right"), ends, strict=True):
            kind = ("corner", "side", "")[(down, across).count("middle")]
            # The middle is the center.
            if kind:
                area = _mask(product(ranks, files), size)
                found[f"the {down} {across}"] = (kind, area)
    half = size // 2
    for kind, first, last in (
        ("edge", side[:1], side[-1:]),
        ("half", side[:half], side[half:]),
    ):
        for name, ranks, files in (
            ("top", first, side),
            ("bottom", last, side),
            ("left", side, first),
            ("right", side, last),
        ):
            found[f"the {name} {kind}"] = (kind, _mask(product(ranks, files), size))
    for kind, name in (
        ("corner", "the areas at corners"),
        ("side", "the middles of the sides"),
    ):
        found[name] = ("areas", sum(m for k, m in found.values() if k == kind))
    beside = dilate(np.uint64(parts.edge), parts.region) & ~np.uint64(parts.edge)
    found["the edge"] = ("ring", parts.edge)
    found["the squares beside the edge"] = ("ring", int(beside))
    found["the middle sixteen squares"] = ("ring", parts.middle)
    return found


def dilate(words: Words, region: int) -> Words:
    """Return the squares on the board that are in a set or touch it."""
    wide = words | ((words << 1) & NOT_FILE_A) | ((words >> 1) & NOT_FILE_H)
    return np.asarray((wide | (wide << 8) | (wide >> 8)) & region)


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


_ALL: Final = 0xFFFFFFFFFFFFFFFF
# Discs on files a and h end every line that is not vertical.
_INNER_FILES: Final = 0x7E7E7E7E7E7E7E7E
#: Step of each axis, and what a line along it may run through.
_AXES: Final = ((1, _INNER_FILES), (7, _INNER_FILES), (8, _ALL), (9, _INNER_FILES))
#: Step of each axis, and the squares that a step up, and one down, can end on.
_STEPS: Final = (
    (1, NOT_FILE_A, NOT_FILE_H),
    (7, NOT_FILE_H, NOT_FILE_A),
    (8, _ALL, _ALL),
    (9, NOT_FILE_A, NOT_FILE_H),
)
_LONGEST: Final = 6
#: Files a to e, where four squares of a rank can begin.
_FIRST_OF_FOUR: Final = 0x1F1F1F1F1F1F1F1F


def capturable(own: Words, opponent: Words, empty: Words) -> Words:
    """Return opponent's discs in runs between an own disc and an empty square."""
    found = np.zeros_like(own)
    for step, inner in _AXES:
        through = opponent & inner
        from_own, from_empty = (runs(ends, through, step) for ends in (own, empty))
        found |= (from_own[0] & from_empty[1]) | (from_own[1] & from_empty[0])
    return found


def ends_of_long_lines(own: Words, opponent: Words, shortest: int) -> Words:
    """Return squares behind lines of `shortest` opponent's discs or more."""
    found = np.zeros_like(own)
    for step, inner in _AXES:
        through, up, down = opponent & inner, own, own
        for length in range(1, _LONGEST + 1):
            up, down = through & (up << step), through & (down >> step)
            if length >= shortest:
                found |= (up << step) | (down >> step)
    return found


def walls(own: Words, empty: Words) -> Words:
    """Return discs in rows of four or more with empty squares along one side."""
    before = (empty << 8, empty >> 8)
    found = _rows_of_four(own & before[0], 1) | _rows_of_four(own & before[1], 1)
    beside = ((empty << 1) & NOT_FILE_A, (empty >> 1) & NOT_FILE_H)
    for faced in beside:
        found |= _rows_of_four(own & faced, 8)
    return found


def _rows_of_four(discs: Words, step: int) -> Words:
    pairs = discs & (discs >> step)
    first = pairs & (pairs >> 2 * step)
    if step == 1:
        first &= _FIRST_OF_FOUR
    pairs = first | (first << step)
    return np.asarray(pairs | (pairs << 2 * step))


def safe_axes(empty: Words, board: BoardParts) -> list[Words]:
    """Return, by axis, where no disc can be flipped: line full, or no square behind."""
    ends = (board.vertical, board.edge, board.horizontal, board.edge)
    return [
        ~_spread(empty, *axis) | end for axis, end in zip(_STEPS, ends, strict=True)
    ]


def stable_discs(own: Words, safe: list[Words]) -> Words:
    """Return discs that are stable by contact, a lower bound of what is stable.

    The least set S of own discs such that on each of the four axes the disc's line
    is full, or a neighbour on that axis is off the board or in S.
    """
    stable = own & safe[0] & safe[1] & safe[2] & safe[3]
    while True:
        grown = own.copy()
        for (step, _, _), along in zip(_STEPS, safe, strict=True):
            # A step that wraps around ends on an edge, where the axis is safe.
            grown &= along | (stable << step) | (stable >> step)
        if (grown == stable).all():
            return stable
        stable = grown


def _spread(words: Words, step: int, up_ends: int, down_ends: int) -> Words:
    """Return the squares that have a square of the set on their line."""
    up, down = words.copy(), words.copy()
    for _ in range(3):
        up |= (up << step) & up_ends
        down |= (down >> step) & down_ends
        # Squares from where one more doubling stays on the board.
        up_ends &= (up_ends << step) & _ALL
        down_ends &= down_ends >> step
        step *= 2
    return up | down


@dataclass(frozen=True)
class Regions:
    """Empty regions of N positions; in private ones one side alone can move."""

    number: NDArray[np.int16]
    odd_number: NDArray[np.int16]
    odd: Words
    private: Words
    opponent_private: Words


def find_regions(empty: Words, legal: Words, theirs: Words, board: int) -> Regions:
    """Find the regions of empty squares, one region of every position at a time."""
    numbers = [np.zeros(len(empty), np.int16) for _ in range(2)]
    found = Regions(*numbers, *(np.zeros_like(empty) for _ in range(3)))
    rows = np.flatnonzero(empty)
    left = empty[rows]
    while rows.size:
        # Grown from the lowest square that is left in each position.
        region = _flooded(left & (~left + np.uint64(1)), left, board)
        odd = (count(region) & 1).astype(np.bool_)
        mine, opposing = ((region & m[rows]) != 0 for m in (legal, theirs))
        found.number[rows] += 1
        found.odd_number[rows] += odd
        found.odd[rows] |= region * odd
        found.private[rows] |= region * (mine & ~opposing)
        found.opponent_private[rows] |= region * (opposing & ~mine)
        left &= ~region
        more = left != 0
        rows, left = rows[more], left[more]
    return found


def _flooded(seeds: Words, within: Words, board: int) -> Words:
    """Grow sets by their neighbours for as long as they stay within others."""
    while True:
        grown = dilate(seeds, board) & within
        if (grown == seeds).all():
            return seeds
        seeds = grown
