"""Planes and actions: how a network of alpha-zero-general sees the game.

A position goes in as one plane, own minus opponent, or as two, own and opponent; the
network knows neither the colour to move nor the moves before. A move comes out as an
action: ``size * row + column`` for a square and ``size * size`` for a pass, where
squares are numbered as in `conceptlrp.othello` (a 6 x 6 board sits in the middle of
the 8 x 8 word). N is the number of positions, n the size of the board.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello import NO_MOVE, PASS, legal_moves

Float32Array = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


def board_planes(
    own: ArrayLike, opponent: ArrayLike, *, size: int = 8, planes: int = 1
) -> Float32Array:
    """Turn bitboards into the input of a network.

    One plane holds +1 for an own disc and -1 for one of the opponent; of two planes,
    the first holds 1 for own discs, the second for the opponent's. Row 0 is rank 1.

    Examples
    --------
    >>> from conceptlrp.othello.board import start
    >>> own, opponent = start()
    >>> board_planes([own], [opponent])[0, 0, 3:5, 3:5]
    array([[-1.,  1.],
           [ 1., -1.]], dtype=float32)
    """
    if planes not in (1, 2):
        msg = f"planes is {planes}, expected 1 or 2"
        raise ValueError(msg)
    # As numbers with a sign: own less opponent is -1 where the opponent stands.
    kinds = [bits(own).view(np.int8), bits(opponent).view(np.int8)]
    if planes == 1:
        kinds = [kinds[0] - kinds[1]]
    cropped = [crop(kind.astype(np.float32), size=size) for kind in kinds]
    return np.concatenate(cropped, axis=1)


def bits(bitboards: ArrayLike) -> NDArray[np.uint8]:
    """Unpack bitboards of shape (N,) into 0 and 1, shape (N, 64)."""
    words = np.atleast_1d(np.asarray(bitboards, dtype="<u8"))
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8)
    return np.unpackbits(octets, axis=1, bitorder="little")


def crop(boards: NDArray[Scalar], *, size: int) -> NDArray[Scalar]:
    """Keep the n x n middle of boards of shape (N, 64), as (N, 1, n, n)."""
    edge = _edge(size)
    inside = slice(edge, 8 - edge)
    return boards.reshape(-1, 1, 8, 8)[:, :, inside, inside]


def actions_of_squares(squares: ArrayLike, *, size: int = 8) -> NDArray[np.int64]:
    """Return the actions 0 to ``size * size`` of squares; NO_MOVE stays -1.

    Examples
    --------
    >>> actions_of_squares([9, 64], size=6)
    array([ 0, 36])
    """
    asked = np.asarray(squares, dtype=np.int64)
    known = (asked >= NO_MOVE) & (asked <= PASS)
    actions = _action_table(size)[np.where(known, asked, 0)]
    if not known.all() or (actions == _OUTSIDE).any():
        msg = f"a square lies outside the {size} x {size} board"
        raise ValueError(msg)
    return actions


def squares_of_actions(actions: ArrayLike, *, size: int = 8) -> NDArray[np.int64]:
    """Return the squares of actions, or PASS; the inverse of `actions_of_squares`.

    Examples
    --------
    >>> squares_of_actions([0, 36], size=6)
    array([ 9, 64])
    """
    asked = np.asarray(actions, dtype=np.int64)
    if ((asked < 0) | (asked > size * size)).any():
        msg = f"an action lies outside 0 to {size * size}"
        raise ValueError(msg)
    return np.append(_region(size), PASS)[asked]


def legal_actions(
    own: ArrayLike, opponent: ArrayLike, *, size: int = 8
) -> NDArray[np.bool_]:
    """Tell the legal actions (N, actions); the last, a pass, only without a move."""
    moves = np.atleast_1d(
        legal_moves(
            np.asarray(own, dtype=np.uint64),
            np.asarray(opponent, dtype=np.uint64),
            size=size,
        )
    )
    on_board = crop(bits(moves), size=size).reshape(len(moves), size * size)
    return np.column_stack([on_board, moves == 0]).astype(bool)


_OUTSIDE = -2


def _region(size: int) -> NDArray[np.int64]:
    """Squares of the board in the order of their actions."""
    edge = _edge(size)
    return np.arange(64).reshape(8, 8)[edge : 8 - edge, edge : 8 - edge].ravel()


def _action_table(size: int) -> NDArray[np.int64]:
    """List the action of each square, of PASS, and last (index -1) of NO_MOVE."""
    table = np.full(66, _OUTSIDE)
    table[_region(size)] = np.arange(size * size)
    table[PASS], table[NO_MOVE] = size * size, NO_MOVE
    return table


def _edge(size: int) -> int:
    if size not in (6, 8):
        msg = f"size is {size}, expected 6 or 8"
        raise ValueError(msg)
    return (8 - size) // 2
