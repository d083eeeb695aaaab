"""Positions that come from no game: boards as arrays, and single positions.

Shapes use N positions and boards of n x n squares.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello.board import NO_MOVE, count
from conceptlrp.othello.corpus import Corpus
from conceptlrp.othello.games import Games
from conceptlrp.othello.position import Position

_SIZES: Final = (6, 8)


def corpus_of_boards(boards: ArrayLike) -> Corpus:
    """Make a corpus of boards that no game is known of.

    Parameters
    ----------
    boards : array_like of shape (N, n, n)
        +1 for a disc of the side to move, -1 for one of the other side, 0 empty;
        n is 6 or 8 and row 0 is rank 1.

    Returns
    -------
    Corpus
        With black to move and no played move.

    Raises
    ------
    ValueError
        For another shape or other values.

    Examples
    --------
    >>> boards = np.zeros((1, 8, 8), int)
    >>> boards[0, 0, 0] = 1
    >>> corpus_of_boards(boards).position(0).obf()[:4]
    'X---'
    """
    array = np.asarray(boards)
    shape = array.shape
    if array.ndim != 3 or shape[1] != shape[2] or shape[1] not in _SIZES:
        message = f"boards have shape {shape}, expected (N, 8, 8) or (N, 6, 6)"
        raise ValueError(message)
    wrong = ~np.isin(array, (-1, 0, 1))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        message = (
            f"board {at[0]} holds {array[at]} in row {at[1]}, column {at[2]}, expected "
            "+1 (side to move), -1 (other side) or 0 (empty)"
        )
        raise ValueError(message)
    return _loose(_words(array == 1), _words(array == -1), size=shape[1])


def corpus_of_positions(positions: Sequence[Position]) -> Corpus:
    """Make a corpus of single positions.

    Parameters
    ----------
    positions : sequence of Position
        All of one size.

    Returns
    -------
    Corpus
        Without played moves.

    Raises
    ------
    ValueError
        For no position, or positions of several sizes.
    """
    sizes = {position.size for position in positions}
    if len(sizes) != 1:
        message = f"positions are of sizes {sorted(sizes)}, expected one size"
        raise ValueError(message)
    own = np.array([position.own for position in positions], np.uint64)
    opponent = np.array([position.opponent for position in positions], np.uint64)
    movers = [position.mover for position in positions]
    return _loose(own, opponent, size=sizes.pop(), mover=movers)


def _words(discs: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return boards (N, n, n) as bitboards, a smaller one in the middle."""
    size = discs.shape[1]
    margin = (8 - size) // 2
    padded = np.zeros((len(discs), 8, 8), np.bool_)
    padded[:, margin : margin + size, margin : margin + size] = discs
    packed = np.packbits(padded.reshape(len(discs), 64), axis=1, bitorder="little")
    return packed.view("<u8")[:, 0].astype(np.uint64)


def _loose(
    own: NDArray[np.uint64],
    opponent: NDArray[np.uint64],
    *,
    size: int,
    mover: ArrayLike = 0,
) -> Corpus:
    n = len(own)
    discs = np.asarray(count(own | opponent), np.int64)
    games = Games.from_moves(np.full((1, size * size - 4), NO_MOVE, np.int8), size=size)
    return Corpus(
        own=own,
        opponent=opponent,
        mover=np.broadcast_to(np.asarray(mover, np.uint8), n).copy(),
        ply=np.clip(discs - 4, 0, None).astype(np.uint8),
        played=np.full(n, NO_MOVE, np.int8),
        game=np.zeros(n, np.int32),
        symmetry=np.zeros(n, np.uint8),
        games=games,
    )
