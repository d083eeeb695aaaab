"""Regions: parts of the empty squares that touch at a side or a corner.

Shapes use N positions. Words are uint64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labels.geometry import Words, dilate
from conceptlrp.othello.board import count


@dataclass(frozen=True)
class Regions:
    """The empty regions of N positions.

    Attributes
    ----------
    number, odd_number : int16 of shape (N,)
        How many there are, and how many have an odd number of squares.
    odd, private, opponent_private : uint64 of shape (N,)
        Squares of the odd regions, and of those where one side alone can move.
    """

    number: NDArray[np.int16]
    odd_number: NDArray[np.int16]
    odd: Words
    private: Words
    opponent_private: Words


def find_regions(empty: Words, legal: Words, theirs: Words, board: int) -> Regions:
    """Find the regions of empty squares.

    Shapes: `empty, legal, theirs` (N,).
    """
    numbers = [np.zeros(len(empty), np.int16) for _ in range(2)]
    found = Regions(*numbers, *(np.zeros_like(empty) for _ in range(3)))
    rows = np.flatnonzero(empty)
    left = empty[rows]
    while rows.size:
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
