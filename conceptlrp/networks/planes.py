"""Planes and actions: how a network of alpha-zero-general sees the game.

A position goes in as one plane, own minus opponent, or as two, own and opponent, or as
an `Encoding` says; the network knows neither the colour to move nor the moves before. A
move comes out as an action: ``size * row + column`` for a square and ``size * size``
for a pass, where squares are numbered as in `conceptlrp.othello` (a 6 x 6 board sits in
the middle of the 8 x 8 word). N is the number of positions, n the size of the board.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import NetworkError
from conceptlrp.othello import NO_MOVE, PASS, legal_moves
from conceptlrp.othello.board import from_boards, to_boards

Float32Array = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


def board_planes(
    own: ArrayLike, opponent: ArrayLike, *, size: int = 8, planes: int = 1
) -> Float32Array:
    """Turn bitboards into the input of a network.

    One plane holds +1 for an own disc and -1 for one of the opponent; of two planes,
    the first holds 1 for own discs, the second for the opponent's. Row 0 is rank 1.

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


#: Boards (N, n, n), +1 own and -1 the opponent's, to planes (N, P, n, n).
BoardsToPlanes = Callable[[NDArray[np.int8]], NDArray[Any]]
_MINUS = "own-minus-opponent"
_KINDS: dict[str, BoardsToPlanes] = {
    "own": lambda boards: boards > 0,
    "opponent": lambda boards: boards < 0,
    "empty": lambda boards: boards == 0,
    "ones": np.ones_like,
    "zeros": np.zeros_like,
    "legal": lambda boards: _legal_squares(boards),
}


#: What a reader of heatmaps, in which planes are summed, should know of some.
_NOTES = {
    "empty": "relevance on empty squares is relevance on a function of the board",
    "ones": "relevance on a plane of ones is of a square whatever stands on it",
    "zeros": "planes of a history are given as zeros",
    "legal": "relevance on legal moves is relevance on a function of the board",
}


@dataclass(frozen=True)
class Encoding:
    """How boards become ``planes`` planes: by a name, or by a function of one's own.

    A name is "own-minus-opponent" or lists planes: own, opponent, empty, ones, legal
    and, for a history that is not known, zeros; "zeros14" stands for 14 of them.
    """

    name: str
    planes: int
    function: BoardsToPlanes | None = None

    @classmethod
    def of(cls, encode: "str | BoardsToPlanes | Encoding", size: int) -> "Encoding":
        """Read an encoding, and check a function on an empty board."""
        if isinstance(encode, Encoding):
            return encode
        if callable(encode):
            name = getattr(encode, "__qualname__", type(encode).__name__)
            empty = np.zeros((3, size, size), np.int8)
            found = np.shape(cls(name, 0, encode)(empty))
            if len(found) != 4 or found[0] != 3 or found[2:] != (size, size):
                msg = (
                    f"encode returns shape {found} for boards (3, {size}, {size}), "
                    f"expected (3, planes, {size}, {size})"
                )
                raise NetworkError(msg)
            return cls(name, found[1], encode)
        known = isinstance(encode, str) and (encode == _MINUS or _kinds(encode))
        if not known:
            msg = (
                f"encode is {encode!r}, expected '{_MINUS}', planes such as "
                f"'own-opponent-ones' (of {', '.join(_KINDS)}) or a function"
            )
            raise NetworkError(msg)
        return cls(encode, 1 if encode == _MINUS else len(_kinds(encode)))

    @classmethod
    def default(cls, planes: int) -> "Encoding":
        """Return the encoding of a network that says no more than its planes."""
        return cls(_MINUS if planes == 1 else "own-opponent", planes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What relevance on its planes is, where they are not the discs alone."""
        if self.function is not None:
            return (f"planes are what {self.name} makes of the board",)
        kinds = _kinds(self.name)
        return tuple(note for kind, note in _NOTES.items() if kind in kinds)

    def __call__(self, boards: NDArray[np.int8]) -> Float32Array:
        """Turn boards (N, n, n) of +1, -1 and 0 into planes (N, P, n, n)."""
        if self.function is not None:
            try:
                return np.asarray(self.function(boards), np.float32)
            # A function of one's own can fail in any way.
            except Exception as error:
                msg = f"encode fails on boards {boards.shape}: {error}"
                raise NetworkError(msg) from error
        if self.name == _MINUS:
            return boards[:, None].astype(np.float32)
        planes = [_KINDS[kind](boards) for kind in _kinds(self.name)]
        return np.stack(planes, axis=1).astype(np.float32)

    def bitboards(
        self, own: ArrayLike, opponent: ArrayLike, *, size: int
    ) -> Float32Array:
        """Turn bitboards (N,) into planes (N, P, n, n)."""
        words = [np.atleast_1d(np.asarray(w, np.uint64)) for w in (own, opponent)]
        return self(crop(to_boards(*words), size=size)[:, 0])


def _kinds(name: str) -> list[str]:
    """Spell out a name, plane by plane; nothing where it is none."""
    parts = [re.fullmatch(r"([a-z]+)(\d{0,3})", part) for part in name.split("-")]
    if not all(part and part[1] in _KINDS for part in parts):
        return []
    return [part[1] for part in parts if part for _ in range(int(part[2] or 1))]


def _legal_squares(boards: NDArray[np.int8]) -> NDArray[np.bool_]:
    size = boards.shape[-1]
    moves = legal_moves(from_boards(boards > 0), from_boards(boards < 0), size=size)
    return crop(bits(moves), size=size)[:, 0].astype(bool)


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


def with_pass(logits: NDArray[Scalar], *, size: int = 8) -> NDArray[Scalar]:
    """Return logits (..., A) of all actions; a policy without a pass gets 0 for it."""
    lacking = logits.shape[-1] == size * size
    return np.insert(logits, size * size, 0, axis=-1) if lacking else logits


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
