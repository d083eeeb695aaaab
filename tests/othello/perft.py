"""Counts of lines of play, by which the rules are compared with published tables."""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import (
    count,
    is_over,
    legal_moves,
    play,
    square_bits,
    start,
)

_BLOCK = 1 << 16

Words = NDArray[np.uint64]


def perft(depth: int, *, size: int = 8) -> int:
    """Count the lines of play of ``depth`` plies from the start position.

    A pass is one ply, and a game that ends earlier counts as one line. Source: Aart
    Bik, "Computing deep perft and divide numbers for Reversi".
    """
    own, opponent = (np.array([discs], np.uint64) for discs in start(size))
    return _count_lines(own, opponent, depth, size)


def _count_lines(own: Words, opponent: Words, depth: int, size: int) -> int:
    if depth <= 0:
        return own.size
    moves = legal_moves(own, opponent, size=size)
    stuck = moves == 0
    if depth == 1:
        return int(count(moves).sum(dtype=np.int64)) + int(stuck.sum())
    over = is_over(own[stuck], opponent[stuck], size=size)
    passed = opponent[stuck][~over], own[stuck][~over]
    children = [passed, *_children(own, opponent, moves, size)]
    mine, theirs = (np.concatenate(side) for side in zip(*children, strict=True))
    total = int(over.sum())
    for first in range(0, mine.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        total += _count_lines(mine[block], theirs[block], depth - 1, size)
    return total


def _children(own: Words, opponent: Words, moves: Words, size: int):
    """Yield the positions after the first legal move of all, the second, ..."""
    while (left := moves != 0).any():
        own, opponent, moves = own[left], opponent[left], moves[left]
        bit = moves & (~moves + np.uint64(1))
        square = np.bitwise_count(bit - np.uint64(1)).astype(np.int64)
        assert (square_bits(square) == bit).all()
        yield play(own, opponent, square, size=size)
        moves = moves & ~bit
