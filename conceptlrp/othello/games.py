"""Games as tables: their moves and what is known about each.

Shapes use G games and M moves (60, or 32 on the 6 x 6 board). Passes are not
recorded. A score is the number of black discs at the end, the empty squares
being given to the winner.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import IllegalMoveError
from conceptlrp.othello.board import NO_MOVE
from conceptlrp.othello.replay import move_table, moves_per_game, replay

#: What is kept of each game beside its moves.
GAME_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "black": np.str_,
    "white": np.str_,
    "tournament": np.str_,
    "year": np.int16,
    "score": np.int8,
    "recorded_score": np.int8,
    "theoretical_score": np.int8,
    "finished": np.bool_,
    "source": np.str_,
    "index": np.int32,
}
_UNKNOWN: Final[dict[str, ArrayLike]] = {
    "black": "",
    "white": "",
    "tournament": "",
    "year": 0,
    "recorded_score": -1,
    "theoretical_score": -1,
    "source": "",
}
_GIVEN: Final = {*_UNKNOWN, "index"}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Games:
    """Games with what is known about them, one entry a game.

    Attributes
    ----------
    moves : int8 of shape (G, M)
        Squares in order of play without passes, `NO_MOVE` after the last.
    black, white, tournament : str of shape (G,)
        Names, empty when unknown.
    year : int16 of shape (G,)
        0 when unknown.
    score : int8 of shape (G,)
        Black discs, empties to the winner; -1 when the game is unfinished.
    recorded_score, theoretical_score : int8 of shape (G,)
        What the file says of the result, and of the result under perfect play
        from a late position on; -1 when unknown.
    finished : bool of shape (G,)
        Whether neither side can move after the last move.
    source : str of shape (G,)
        Name of the file.
    index : int32 of shape (G,)
        Place of the game in the file, the first being 0.
    size : int
        Side of the board, 8 or 6.
    """

    moves: NDArray[np.int8]
    black: NDArray[np.str_]
    white: NDArray[np.str_]
    tournament: NDArray[np.str_]
    year: NDArray[np.int16]
    score: NDArray[np.int8]
    recorded_score: NDArray[np.int8]
    theoretical_score: NDArray[np.int8]
    finished: NDArray[np.bool_]
    source: NDArray[np.str_]
    index: NDArray[np.int32]
    size: int = 8

    def __post_init__(self) -> None:
        width = moves_per_game(self.size)
        if self.moves.ndim != 2 or self.moves.shape[1] != width:
            msg = f"moves have shape {self.moves.shape}, expected (G, {width})"
            raise ValueError(msg)
        for name, column in self.columns().items():
            if len(column) != len(self.moves):
                msg = f"{name} has {len(column)} entries, expected {len(self)}"
                raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.moves)

    def __repr__(self) -> str:
        return f"Games({len(self):,} games, {self.size} x {self.size})"

    @classmethod
    def from_moves(
        cls, moves: ArrayLike, *, size: int = 8, **known: ArrayLike
    ) -> "Games":
        """Make games from their moves, which are replayed for the results.

        Parameters
        ----------
        moves : int of shape (G, M), M being any width
            Squares in order of play without passes, `NO_MOVE` after the last.
        size : int
            Side of the board, 8 or 6.
        **known : arrays of shape (G,), or one value for all games
            Any of the other columns but the results, such as ``black``.

        Returns
        -------
        Games
            Names that are not given are empty, years 0 and scores -1.

        Raises
        ------
        IllegalMoveError
            A game has an illegal move.
        """
        games, illegal = judge(moves, size=size, **known)
        if (illegal >= 0).any():
            game = int(np.argmax(illegal >= 0))
            msg = f"game {game + 1}, move {illegal[game] + 1} is not legal"
            raise IllegalMoveError(msg)
        return games

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns by name, every attribute but ``size``."""
        names = [field.name for field in fields(self) if field.name != "size"]
        return {name: getattr(self, name) for name in names}

    def take(self, indices: ArrayLike) -> "Games":
        """Choose games by rows or by a mask of shape (G,), with all columns."""
        chosen = np.asarray(indices)
        columns = {name: column[chosen] for name, column in self.columns().items()}
        return Games(**columns, size=self.size)

    @staticmethod
    def concatenate(parts: Sequence["Games"]) -> "Games":
        """Join tables of games of one board size, one after the other."""
        sizes = {part.size for part in parts}
        if len(sizes) != 1:
            msg = f"games are of board sizes {sorted(sizes)}, expected exactly one"
            raise ValueError(msg)
        columns = [part.columns() for part in parts]
        joined = {
            name: np.concatenate([part[name] for part in columns])
            for name in columns[0]
        }
        return Games(**joined, size=sizes.pop())


def judge(
    moves: ArrayLike, *, size: int = 8, **known: ArrayLike
) -> tuple[Games, NDArray[np.int16]]:
    """Make games of those rows of moves (G, M) that are legal throughout.

    Returns the legal games, and of each row the place of its first illegal move, -1
    when there is none.
    """
    if unknown := sorted(known.keys() - _GIVEN):
        msg = f"games have no column {unknown[0]!r} to give, only {sorted(_GIVEN)}"
        raise TypeError(msg)
    table = move_table(moves)
    found = replay(table, size=size)
    legal = found.illegal < 0
    columns: dict[str, ArrayLike] = {
        **_UNKNOWN,
        "index": np.arange(len(table)),
        **known,
    }
    columns |= {"score": found.score, "finished": found.finished}
    full = {
        name: np.broadcast_to(np.asarray(value, GAME_COLUMNS[name]), len(table))[legal]
        for name, value in columns.items()
    }
    return Games(moves=_widened(table[legal], size), **full, size=size), found.illegal


def _widened(moves: NDArray[np.int8], size: int) -> NDArray[np.int8]:
    """Give legal games the width of a whole game."""
    width = moves_per_game(size)
    filled = np.full((len(moves), width), NO_MOVE, np.int8)
    filled[:, : moves.shape[1]] = moves[:, :width]
    return filled


def columns_digest(columns: Mapping[str, NDArray[Any]], *, size: int) -> str:
    """Return the SHA-256 of the columns of a corpus in hexadecimal."""
    digest = hashlib.sha256(f"conceptlrp corpus 1, size {size}".encode())
    for name, column in columns.items():
        digest.update(f"\n{name} {column.shape}\n".encode())
        digest.update(_plain_bytes(column))
    return digest.hexdigest()


def _plain_bytes(column: NDArray[Any]) -> bytes:
    """Return the content of a column, whatever the width of its strings."""
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()
