"""Discs in lines: what some move flips, long lines, walls.

Words are uint64 arrays of shape (N,).
"""

from typing import Final

import numpy as np

from conceptlrp.labels.geometry import NOT_FILE_A, NOT_FILE_H, Words
from conceptlrp.othello.board import runs

_ALL: Final = 0xFFFFFFFFFFFFFFFF
# Discs on files a and h end every line that is not vertical.
_INNER_FILES: Final = 0x7E7E7E7E7E7E7E7E
#: Step of each axis, and what a line along it may run through.
_AXES: Final = ((1, _INNER_FILES), (7, _INNER_FILES), (8, _ALL), (9, _INNER_FILES))
_LONGEST: Final = 6

#: Files a to e, where four squares of a rank can begin.
_FIRST_OF_FOUR: Final = 0x1F1F1F1F1F1F1F1F


def capturable(own: Words, opponent: Words, empty: Words) -> Words:
    """Return the opponent's discs that some legal move flips.

    They stand in a run of opponent's discs that has an own disc at one end and an
    empty square at the other.
    """
    found = np.zeros_like(own)
    for step, inner in _AXES:
        through = opponent & inner
        from_own, from_empty = (runs(ends, through, step) for ends in (own, empty))
        found |= (from_own[0] & from_empty[1]) | (from_own[1] & from_empty[0])
    return found


def ends_of_long_lines(own: Words, opponent: Words, shortest: int) -> Words:
    """Return the squares behind lines of so many opponent's discs or more.

    At the other end of each line is an own disc; what comes behind need not be empty.
    """
    found = np.zeros_like(own)
    for step, inner in _AXES:
        through, up, down = opponent & inner, own, own
        for length in range(1, _LONGEST + 1):
            up, down = through & (up << step), through & (down >> step)
            if length >= shortest:
                found |= (up << step) | (down >> step)
    return found


def walls(own: Words, empty: Words) -> Words:
    """Return discs in rows of four or more that face empty squares.

    Such discs stand side by side on a rank or file, each with an empty square before
    it, on the same side for all of them.
    """
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
    rows: Words = pairs | (pairs << 2 * step)
    return rows
