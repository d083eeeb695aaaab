"""The rules of Othello on bitboards: legal moves, flipped discs, results.

A square is a number 0..63 = 8 * (rank - 1) + file, so a1 is 0, h1 is 7 and h8 is
63; bit ``s`` of a uint64 bitboard is square ``s``. Positions are seen by the side
to move: ``own`` holds its discs, ``opponent`` the other side's. A 6 x 6 board lies
in the middle of the 8 x 8 word, on the squares that are named b2 to g7 there.

Functions take Python integers or uint64 arrays of any shape, which broadcast.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import IllegalMoveError, check_least

PASS: Final = 64
NO_MOVE: Final = -1
BLACK: Final = 0
WHITE: Final = 1

#: Thirds of the game, by the discs that have been added to the first four.
PHASES: Final = ("opening", "midgame", "endgame")

REGION: Final = {6: 0x007E7E7E7E7E7E00, 8: 0xFFFFFFFFFFFFFFFF}

# Discs on files a and h end every line that is not vertical, so leaving them out
# of the discs that a line may run through also stops it at the edge of the board.
_INNER_FILES: Final = 0x7E7E7E7E7E7E7E7E
_BLOCK: Final = 8192

# What the functions take, and what their kernels compute with.
Bitboards: TypeAlias = int | np.uint64 | NDArray[np.uint64]
Words: TypeAlias = Any


def legal_moves(
    own: Bitboards, opponent: Bitboards, *, size: int = 8
) -> NDArray[np.uint64]:
    """Return the squares where the side to move may play.

    Parameters
    ----------
    own, opponent : uint64 of shape (N,), or any shapes that broadcast
        Discs of the side to move and of the other side.
    size : int
        Side of the board, 8 or 6.

    Returns
    -------
    uint64 of the broadcast shape
        Bit ``s`` is set when square ``s`` is a legal move; 0 means a pass or the
        end of the game.

    Examples
    --------
    >>> squares(legal_moves(*start()))
    [19, 26, 37, 44]
    """
    region = region_of(size)
    if isinstance(own, int) and isinstance(opponent, int):
        return np.asarray(legal_words(own, opponent) & region, np.uint64)[()]
    mine, theirs = np.broadcast_arrays(_words(own), _words(opponent))
    result = np.empty(mine.shape, np.uint64)
    flat_mine, flat_theirs, flat = mine.reshape(-1), theirs.reshape(-1), result.ravel()
    for block in _blocks(flat.size):
        flat[block] = legal_words(flat_mine[block], flat_theirs[block]) & region
    return flat.reshape(mine.shape)[()]


def flips(
    own: Bitboards, opponent: Bitboards, square: ArrayLike, *, size: int = 8
) -> NDArray[np.uint64]:
    """Return the discs that a move turns over.

    Parameters
    ----------
    own, opponent, square, size
        As for `legal_moves`, and the move, which broadcasts too.

    Returns
    -------
    uint64 of the broadcast shape
        0 where the move is not legal, which includes `PASS` and `NO_MOVE`.

    Examples
    --------
    >>> squares(flips(*start(), 19))
    [27]
    """
    bit = square_bits(square) & region_of(size)
    mine, theirs, bits = np.broadcast_arrays(_words(own), _words(opponent), bit)
    result = np.empty(mine.shape, np.uint64).ravel()
    flat = [part.reshape(-1) for part in (mine, theirs, bits)]
    for block in _blocks(result.size):
        result[block] = flip_words(*(part[block] for part in flat))
    return result.reshape(mine.shape)[()]


def play(
    own: Bitboards, opponent: Bitboards, square: ArrayLike, *, size: int = 8
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Play one move in each position.

    Parameters
    ----------
    own, opponent, square, size
        As for `flips`; `PASS` only swaps the sides, and a move that turns no disc over
        raises `IllegalMoveError`.

    Returns
    -------
    own, opponent : uint64 of the broadcast shape
        The board as the next side to move sees it, whether it can move or not.
    """
    turned = flips(own, opponent, square, size=size)
    illegal = np.atleast_1d((turned == 0) & (np.asarray(square) != PASS))
    if illegal.any():
        moves = np.broadcast_to(np.asarray(square), illegal.shape)
        where = int(np.argmax(illegal))
        msg = f"move {moves.flat[where]} at index {where} turns no disc over"
        raise IllegalMoveError(msg)
    mine, theirs = _words(own), _words(opponent)
    return theirs & ~turned, mine | turned | square_bits(square)


def start(size: int = 8) -> tuple[int, int]:
    """Return the start position: the discs of black, who moves first, and of white."""
    region_of(size)
    return 1 << 28 | 1 << 35, 1 << 27 | 1 << 36


def count(bitboards: Bitboards) -> NDArray[np.uint8]:
    """Count the discs of each bitboard."""
    return np.bitwise_count(_words(bitboards))


def is_over(own: Bitboards, opponent: Bitboards, *, size: int = 8) -> NDArray[np.bool_]:
    """Tell whether the game is over, since neither side can move."""
    moves = legal_moves(own, opponent, size=size)
    moves = moves | legal_moves(opponent, own, size=size)
    return np.equal(moves, 0)


def final_score(own: Bitboards, opponent: Bitboards, size: int) -> NDArray[np.int8]:
    """Return discs of ``own``; the winner gets the empty squares, a draw is half."""
    squares_in_all = int(region_of(size)).bit_count()
    mine, theirs = count(own).astype(np.int8), count(opponent).astype(np.int8)
    level = np.int8(squares_in_all // 2)
    ahead = np.where(mine > theirs, np.int8(squares_in_all) - theirs, mine)
    return np.where(mine == theirs, level, ahead).astype(np.int8)[()]


def squares(bitboard: int | np.uint64 | NDArray[np.uint64]) -> list[int]:
    """List the squares of one bitboard in ascending order."""
    word = int(bitboard)
    return [square for square in range(64) if word >> square & 1]


def to_boards(own: Bitboards, opponent: Bitboards) -> NDArray[np.int8]:
    """Return boards (N, 8, 8) of +1 for ``own``, -1 for ``opponent``, 0 for empty.

    Row 0 is rank 1, column 0 is file a.
    """
    mine, theirs = np.broadcast_arrays(_words(own), _words(opponent))
    return _bits(mine) - _bits(theirs)


def from_boards(discs: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return boards (N, n, n) as bitboards (N,), a smaller one in the middle."""
    size = discs.shape[1]
    margin = (8 - size) // 2
    padded = np.zeros((len(discs), 8, 8), np.bool_)
    padded[:, margin : margin + size, margin : margin + size] = discs
    packed = np.packbits(padded.reshape(len(discs), 64), axis=1, bitorder="little")
    return packed.view("<u8")[:, 0].astype(np.uint64)


def given_boards(boards: ArrayLike, size: int | None = None) -> NDArray[Any]:
    """Return boards (N, n, n) of +1, -1 and 0, or refuse what is none."""
    try:
        array = np.asarray(off_device(boards))
    # Lists of unequal lengths, and types of torch that numpy lacks.
    except (TypeError, ValueError, RuntimeError) as error:
        msg = f"boards are no array of shape (N, 8, 8) or (N, 6, 6): {error}"
        raise ValueError(msg) from error
    if array.ndim == 2:
        array = array[None]
    shape = array.shape
    if array.ndim != 3 or shape[1] != shape[2] or shape[1] not in REGION:
        msg = f"boards have shape {shape}, expected (N, 8, 8) or (N, 6, 6)"
        raise ValueError(msg)
    check_size(shape[1], size)
    if array.dtype.kind == "b":
        msg = "boards are of truth values, expected +1, -1 and 0 to tell the two sides"
        raise ValueError(msg)
    wrong = ~np.isin(array, (-1, 0, 1))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        msg = (
            f"board {at[0]} holds {array[at]} in row {at[1]}, column {at[2]}, expected "
            "+1 (side to move), -1 (other side) or 0 (empty)"
        )
        raise ValueError(msg)
    return array


def check_size(found: int, expected: int | None) -> None:
    """Refuse boards of another size than asked for."""
    if expected is not None and found != expected:
        msg = f"boards are {found} x {found}, expected {expected} x {expected}"
        raise ValueError(msg)


def off_device(values: Any) -> Any:
    """Return a tensor as one that numpy reads; all else as it is."""
    return values.detach().cpu() if hasattr(values, "detach") else values


def phases(empties: ArrayLike, *, bins: int = 3, size: int = 8) -> NDArray[np.int8]:
    """Divide positions by how many squares are empty.

    With M moves in a full game (60, or 32 on the 6 x 6 board) and e empty squares,
    a position is in bin ``b`` of B when ``(M - e) B / M`` lies in ``[b, b + 1)``.

    Parameters
    ----------
    empties, bins, size : int of shape (N,), int, int
        Empty squares, how many equally long parts a game has, 3 being those of
        `PHASES`, and the side of the board.

    Returns
    -------
    int8 of shape (N,)
        0 for the first moves of a game; a full board is in the last part.

    Examples
    --------
    >>> phases([60, 41, 40, 21, 20, 0]).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    check_least("bins", bins)
    moves = region_of(size).bit_count() - 4
    played = np.clip(moves - np.asarray(empties, np.int64), 0, moves)
    return np.minimum(played * bins // moves, bins - 1).astype(np.int8)


def board_phases(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64], *, size: int = 8
) -> NDArray[np.int64]:
    """Return the phase of each board (N,), as indices into `PHASES`.

    >>> board_phases(np.array([3, 2**24 - 1], np.uint64), np.array([12, 0], np.uint64))
    array([0, 1])
    """
    empties = size**2 - count(own | opponent).astype(np.int64)
    return phases(empties, size=size).astype(np.int64)


def region_of(size: int) -> int:
    """Return the squares of a board as a bitboard, or refuse its size."""
    if size not in REGION:
        msg = f"board size is {size!r}, expected 8 or 6"
        raise ValueError(msg)
    return REGION[size]


def square_bits(square: ArrayLike) -> NDArray[np.uint64]:
    """Return the bitboard of each square, 0 for what is no square."""
    # A negative number becomes a shift beyond the word, which numpy takes as 0.
    shifts = np.asarray(square, np.int64).astype(np.uint64)
    return np.left_shift(np.uint64(1), shifts)


def legal_words(own: Words, opponent: Words) -> Words:
    """Return the legal moves on the 8 x 8 board, of one block of positions."""
    inner = opponent & _INNER_FILES
    moves = _ends_of_lines(own, opponent, 8)
    for step in (1, 7, 9):
        moves |= _ends_of_lines(own, inner, step)
    return moves & ~(own | opponent)


def flip_words(own: Words, opponent: Words, bit: Words) -> Words:
    """Return the discs that a disc on ``bit`` turns over, 0 on a taken square."""
    inner = opponent & _INNER_FILES
    turned = _lines_between(own, opponent, bit, 8)
    for step in (1, 7, 9):
        turned |= _lines_between(own, inner, bit, step)
    return turned * ((bit & (own | opponent)) == 0)


def runs(origin: Words, through: Words, step: int) -> tuple[Words, Words]:
    """Return the runs of ``through`` that start beside ``origin``, both ways."""
    # Two single steps, then two steps of two squares: six discs at most.
    double = 2 * step
    pairs = through & (through << step)
    up = through & (origin << step)
    up |= through & (up << step)
    up |= pairs & (up << double)
    up |= pairs & (up << double)
    pairs >>= step
    down = through & (origin >> step)
    down |= through & (down >> step)
    down |= pairs & (down >> double)
    down |= pairs & (down >> double)
    return up, down


def _ends_of_lines(own: Words, through: Words, step: int) -> Words:
    up, down = runs(own, through, step)
    up <<= step
    up |= down >> step
    return up


def _lines_between(own: Words, through: Words, bit: Words, step: int) -> Words:
    up, down = runs(bit, through, step)
    up *= (own & (up << step)) != 0
    up |= down * ((own & (down >> step)) != 0)
    return up


def _words(bitboards: Bitboards) -> NDArray[np.uint64]:
    if isinstance(bitboards, np.ndarray) and bitboards.dtype.kind not in "ui":
        msg = f"bitboards are {bitboards.dtype}, expected uint64"
        raise TypeError(msg)
    return np.asarray(bitboards, np.uint64)


def _blocks(length: int) -> Iterator[slice]:
    # Short blocks keep the temporary arrays of a kernel in the cache.
    for first in range(0, length, _BLOCK):
        yield slice(first, first + _BLOCK)


def _bits(words: NDArray[np.uint64]) -> NDArray[np.int8]:
    octets = np.ascontiguousarray(words, "<u8").reshape(*words.shape, 1).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")
    return bits.reshape(*words.shape, 8, 8).view(np.int8)
