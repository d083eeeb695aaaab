"""Stable discs: those that no sequence of moves can flip, as far as contact tells.

Words are uint64 arrays of shape (N,).
"""

from typing import Final

from conceptlrp.labels.geometry import NOT_FILE_A, NOT_FILE_H, Geometry, Words

_ALL: Final = 0xFFFFFFFFFFFFFFFF
#: Step of each axis, and the squares that a step up, and one down, can end on.
_AXES: Final = (
    (1, NOT_FILE_A, NOT_FILE_H),
    (7, NOT_FILE_H, NOT_FILE_A),
    (8, _ALL, _ALL),
    (9, NOT_FILE_A, NOT_FILE_H),
)


def safe_axes(empty: Words, board: Geometry) -> list[Words]:
    """Return, for each of the four axes, where no disc can be flipped along it.

    That is where the whole line is full, or the square ends it, so that nothing can
    stand behind.
    """
    ends = (board.vertical, board.edge, board.horizontal, board.edge)
    return [~_spread(empty, *axis) | end for axis, end in zip(_AXES, ends, strict=True)]


def stable_discs(own: Words, safe: list[Words]) -> Words:
    """Return discs that are stable by contact.

    The least set S of own discs such that on each of the four axes the disc's line
    is full, or a neighbour on that axis is off the board or in S. A disc that is
    stable for other reasons is not found, so this is a lower bound.

    Shapes: `own` (N,), `safe` (N,). Returns (N,): the stable discs of that side.
    """
    stable = own & safe[0] & safe[1] & safe[2] & safe[3]
    while True:
        grown = own.copy()
        for (step, _, _), along in zip(_AXES, safe, strict=True):
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
