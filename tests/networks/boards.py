"""Random boards, dense and sparse, that need not come from a game."""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.evaluation.faithfulness import shift
from conceptlrp.othello.board import squares
from tests.planted.patterns import Pattern

Boards = NDArray[np.uint64]


def random_boards(n: int, *, seed: int = 0) -> tuple[Boards, Boards]:
    """Own and opponent discs of n boards of all densities, shape (n,) each."""
    rng = np.random.default_rng(seed)
    density = rng.random((n, 1))
    share = rng.random((n, 1))
    taken = rng.random((n, 64)) < density
    mine = rng.random((n, 64)) < share
    return _pack(taken & mine), _pack(taken & ~mine)


def boards_with(pattern: Pattern, n: int, *, seed: int = 0) -> tuple[Boards, Boards]:
    """Random boards on each of which the pattern is laid down somewhere."""
    own, opponent = random_boards(n, seed=seed)
    rng = np.random.default_rng(seed)
    places = rng.choice(squares(pattern.anchors), size=n).astype(np.uint64)
    anchors = np.uint64(1) << places
    for offset, symbol in pattern.cells.items():
        if symbol == "#":
            continue
        bits = shift(anchors, *offset)
        own = own | bits if symbol == "X" else own & ~bits
        opponent = opponent | bits if symbol == "O" else opponent & ~bits
    return own, opponent


def _pack(cells: NDArray[np.bool_]) -> Boards:
    packed = np.packbits(cells, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8")[:, 0].astype(np.uint64)
