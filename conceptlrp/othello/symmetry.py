"""The eight symmetries of the board, and which positions are equal.

Symmetry ``s`` is a number 0..7. If bit 2 of ``s`` is set, rows and columns change
places (a8 goes to h1); then, if bit 0 is set, the files are mirrored (a1 goes to
h1), and if bit 1 is set, the ranks (a1 goes to a8). 0 leaves the board as it is.
A position keeps its legal moves, turned alike, on both board sizes.
"""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import NotationError
from conceptlrp.othello.board import NO_MOVE, PASS

Entry = TypeVar("Entry", bound=np.generic)

SYMMETRIES: Final = 8
#: Each symmetry in words, rank 1 being at the top as boards are drawn.
_WORDS: Final = (
    "as recorded",
    "mirrored left to right",
    "mirrored top to bottom",
    "turned by half",
    "mirrored top right to bottom left",
    "turned a quarter to the right",
    "turned a quarter to the left",
    "mirrored top left to bottom right",
)
_BLOCK: Final = 8192
# The golden ratio's fraction: multiplying by it spreads a word over all 64 bits.
_MIXER: Final = np.uint64(0x9E3779B97F4A7C15)

# Delta swaps: bits under the mask change places with those `step` squares further.
_FILE_SWAPS: Final = (
    (0x5555555555555555, 1),
    (0x3333333333333333, 2),
    (0x0F0F0F0F0F0F0F0F, 4),
)
_TRANSPOSE_SWAPS: Final = (
    (0x00AA00AA00AA00AA, 7),
    (0x0000CCCC0000CCCC, 14),
    (0x00000000F0F0F0F0, 28),
)


def turn(bitboards: ArrayLike, s: ArrayLike) -> NDArray[np.uint64]:
    """Turn bitboards by a symmetry, one for all or one for each.

    >>> int(turn(1 << 19, 4)) == 1 << 26
    True
    """
    which = _symmetries(s)
    boards, which = np.broadcast_arrays(np.asarray(bitboards, np.uint64), which)
    result = np.empty(boards.shape, np.uint64)
    for number in np.unique(which):
        chosen = which == number
        result[chosen] = _turn_all(boards[chosen], int(number))
    return result[()]


def turn_squares(squares: ArrayLike, s: ArrayLike) -> NDArray[np.int8]:
    """Turn moves by a symmetry; `PASS` and `NO_MOVE` stay what they are.

    >>> [int(turn_squares(19, s)) for s in range(8)]
    [19, 20, 43, 44, 26, 29, 34, 37]
    """
    moves = np.asarray(squares)
    if moves.size and not (moves.min() >= NO_MOVE and moves.max() <= PASS):
        msg = f"moves run from {moves.min()} to {moves.max()}, expected -1 to 64"
        raise ValueError(msg)
    # Row s of the table ends with a pass and, reached by index -1, with no move.
    turned: NDArray[np.int8] = _SQUARE_TABLE[_symmetries(s), moves]
    return turned[()]


def turn_maps(maps: NDArray[Entry], s: ArrayLike) -> NDArray[Entry]:
    """Turn maps (..., 8, 8), or with `s` (N,) maps (N, ..., 8, 8), into a new array."""
    source, which = np.asarray(maps), _symmetries(s)
    if source.ndim < 2 or source.shape[-1] != source.shape[-2]:
        msg = f"maps have shape {source.shape}, expected (..., 8, 8) or (..., 6, 6)"
        raise ValueError(msg)
    if which.ndim == 0:
        return _turned_map(source, int(which)).copy()
    if source.ndim < 3 or which.shape != source.shape[:1]:
        msg = f"{which.shape} symmetries do not fit maps of shape {source.shape}"
        raise ValueError(msg)
    result = np.empty_like(source)
    for number in np.unique(which):
        result[which == number] = _turned_map(source[which == number], int(number))
    return result


def symmetry_words(s: int) -> str:
    """Say how a symmetry turns the board.

    Parameters
    ----------
    s : int
        0 to 7, such as an entry of `Corpus.symmetry`.

    Returns
    -------
    str
        "as recorded" for 0.

    Examples
    --------
    >>> symmetry_words(1)
    'mirrored left to right'
    """
    return _WORDS[int(_symmetries(s))]


def symmetry_from_words(words: str) -> int:
    """Return the symmetry of such words, or raise `NotationError`."""
    if words not in _WORDS:
        msg = f"a board is turned {words!r}, expected one of {', '.join(_WORDS)}"
        raise NotationError(msg)
    return _WORDS.index(words)


def inverse(s: ArrayLike) -> NDArray[np.uint8]:
    """Return the symmetry that undoes another."""
    undoing: NDArray[np.uint8] = _INVERSE[_symmetries(s)]
    return undoing[()]


def compose(first: ArrayLike, then: ArrayLike) -> NDArray[np.uint8]:
    """Return the symmetry that equals two, one after the other."""
    both: NDArray[np.uint8] = _COMPOSED[_symmetries(first), _symmetries(then)]
    return both[()]


def canonical(
    own: ArrayLike, opponent: ArrayLike
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint8]]:
    """Return the representative of each position among its eight turnings.

    Returns `own, opponent`, the smallest of the eight pairs, compared by ``own`` first,
    and `s`, the lowest symmetry that turns the position into it; all of shape (N,).
    """
    mine, theirs = (np.asarray(side, np.uint64) for side in (own, opponent))
    mine, theirs = np.broadcast_arrays(mine, theirs)
    one, two = mine.flatten(), theirs.flatten()
    which = np.zeros(mine.size, np.uint8)
    for first in range(0, mine.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        _minimize(one[block], two[block], which[block])
    shape = mine.shape
    return one.reshape(shape)[()], two.reshape(shape)[()], which.reshape(shape)[()]


def first_of_equal(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64]
) -> NDArray[np.intp]:
    """Return, in ascending order, the rows whose pair stands in no row before."""
    # Sorting by one mixed word takes a third of the time that two words take. The
    # sort is stable, so the first of equal rows stays first.
    order = np.argsort(mixed(own, opponent), kind="stable")
    mine, theirs = own[order], opponent[order]
    new = _differs_from_previous(mine, theirs)
    if (new & ~_differs_from_previous(mixed(mine, theirs))).any():
        # Two different pairs were mixed into the same word.
        order = np.lexsort((opponent, own))
        new = _differs_from_previous(own[order], opponent[order])
    return np.sort(order[new])


def mixed(own: NDArray[np.uint64], opponent: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the two words of each position into one, which others hardly ever have."""
    return own * _MIXER ^ opponent


def _differs_from_previous(*columns: NDArray[np.uint64]) -> NDArray[np.bool_]:
    new = np.zeros(len(columns[0]), np.bool_)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new


def _minimize(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64], which: NDArray[np.uint8]
) -> None:
    """Replace one block of positions by their smallest turnings, in place."""
    all_own, all_opponent = _turnings(own.copy()), _turnings(opponent.copy())
    for s in range(1, SYMMETRIES):
        mine, theirs = all_own[s], all_opponent[s]
        smaller = (mine < own) | ((mine == own) & (theirs < opponent))
        np.copyto(own, mine, where=smaller)
        np.copyto(opponent, theirs, where=smaller)
        which[smaller] = s


def _turnings(boards: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    transposed = _swap(boards, _TRANSPOSE_SWAPS)
    turned = []
    for base in (boards, transposed):
        mirrored = _swap(base, _FILE_SWAPS)
        turned += [base, mirrored, base.byteswap(), mirrored.byteswap()]
    return turned


def _turn_all(boards: NDArray[np.uint64], s: int) -> NDArray[np.uint64]:
    if s & 4:
        boards = _swap(boards, _TRANSPOSE_SWAPS)
    if s & 1:
        boards = _swap(boards, _FILE_SWAPS)
    # A rank is one byte of the word.
    return boards.byteswap() if s & 2 else boards


def _swap(
    boards: NDArray[np.uint64], swaps: tuple[tuple[int, int], ...]
) -> NDArray[np.uint64]:
    for mask, step in swaps:
        differing = (boards ^ (boards >> np.uint64(step))) & np.uint64(mask)
        boards = boards ^ differing ^ (differing << np.uint64(step))
    return boards


def _turned_map(maps: NDArray[Entry], s: int) -> NDArray[Entry]:
    if s & 4:
        maps = maps.swapaxes(-1, -2)
    if s & 1:
        maps = maps[..., ::-1]
    return maps[..., ::-1, :] if s & 2 else maps


def _symmetries(s: ArrayLike) -> NDArray[np.intp]:
    which = np.asarray(s)
    whole = which.dtype.kind in "ui"
    if not whole or (which.size and not 0 <= which.min() <= which.max() < SYMMETRIES):
        msg = f"symmetry is {s!r}, expected whole numbers from 0 to 7"
        raise ValueError(msg)
    return which.astype(np.intp)


def _square_table() -> NDArray[np.int8]:
    table = np.empty((SYMMETRIES, PASS + 2), np.int8)
    table[:, PASS], table[:, NO_MOVE] = PASS, NO_MOVE
    numbers = np.arange(64, dtype=np.int8).reshape(8, 8)
    for s in range(SYMMETRIES):
        # A turned map tells which square comes to each place, the table where to.
        table[s, _turned_map(numbers, s).ravel()] = numbers.ravel()
    return table


def _composition_table(squares: NDArray[np.int8]) -> NDArray[np.uint8]:
    both = squares[:, squares].swapaxes(0, 1)
    same: NDArray[np.bool_] = (both[:, :, None] == squares).all(axis=-1)
    return np.asarray(same.argmax(axis=-1), np.uint8)


_SQUARE_TABLE: Final = _square_table()
_COMPOSED: Final = _composition_table(_SQUARE_TABLE)
_INVERSE: Final = (_COMPOSED == 0).argmax(axis=1).astype(np.uint8)
