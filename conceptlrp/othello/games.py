"""Games as tables: their moves, what is known about each, and replaying them.

Shapes use G games, M moves a game (60, or 32 on the 6 x 6 board) and P decision
positions. Passes are not recorded: a side that cannot move is passed over. A
decision position is the board before a recorded move, after such a pass. A score is
the number of black discs at the end, the empty squares being given to the winner.

A game begins from its own start, usually the usual one. A board that no game is known
of is a game of its own: it begins from that board and has no moves, or the one played.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError, IllegalMoveError
from conceptlrp.othello.board import NO_MOVE
from conceptlrp.othello.replay import (
    Starts,
    move_table,
    moves_per_game,
    replay,
    usual_starts,
)

#: What is kept of each position.
POSITION_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "own": np.uint64,
    "opponent": np.uint64,
    "mover": np.uint8,
    "ply": np.uint8,
    "played": np.int8,
    "game": np.int32,
    "symmetry": np.uint8,
}

Columns: TypeAlias = dict[str, NDArray[Any]]
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
    "start_black": np.uint64,
    "start_white": np.uint64,
    "start_mover": np.uint8,
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
#: What says where each game begins.
STARTS: Final = ("start_black", "start_white", "start_mover")
# Entries of a column that are copied at once.
_AT_ONCE: Final = 1 << 16
_GIVEN: Final = {*_UNKNOWN, "index", *STARTS}


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
    source, index : str and int32 of shape (G,)
        Name of the file, and place of the game in it, the first being 0.
    start_black, start_white, start_mover : uint64 and uint8 of shape (G,)
        The board before the first move, and whose turn it is there.
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
    start_black: NDArray[np.uint64]
    start_white: NDArray[np.uint64]
    start_mover: NDArray[np.uint8]
    size: int = 8

    def __post_init__(self) -> None:
        width = moves_per_game(self.size)
        if self.moves.ndim != 2 or self.moves.shape[1] != width:
            msg = f"moves have shape {self.moves.shape}, expected (G, {width})"
            raise ValueError(msg)
        for name, column in self.raw_columns().items():
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
        """Return games of moves (G, any M), which are replayed for the results.

        `known` are any of the other columns but the results, such as ``black``, or one
        value for all games; without, names are empty, years 0 and scores -1. A game
        with an illegal move raises `IllegalMoveError`.
        """
        games, illegal = judge(moves, size=size, **known)
        if (illegal >= 0).any():
            game = int(np.argmax(illegal >= 0))
            msg = f"game {game + 1}, move {illegal[game] + 1} is not legal"
            raise IllegalMoveError(msg)
        return games

    @classmethod
    def of_boards(
        cls,
        black: ArrayLike,
        white: ArrayLike,
        mover: ArrayLike,
        *,
        size: int,
        moves: ArrayLike | None = None,
        **known: ArrayLike,
    ) -> "Games":
        """Return games that begin from boards (G,), given as bitboards.

        `moves` (G, any M) are played from there; none means that no move is known.
        `known` are as for `from_moves`.
        """
        n = len(np.atleast_1d(black))
        table = np.full((n, 1), NO_MOVE) if moves is None else moves
        known |= {"start_black": black, "start_white": white, "start_mover": mover}
        return cls.from_moves(table, size=size, **known)

    @property
    def standard(self) -> NDArray[np.bool_]:
        """Whether each game begins from the usual start, of shape (G,)."""
        return self.starts.standard(self.size)

    @property
    def starts(self) -> "Starts":
        """The board that each game begins from."""
        return Starts(self.start_black, self.start_white, self.start_mover)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns by name, every attribute but ``size``."""
        names = [field.name for field in fields(self) if field.name != "size"]
        return {name: getattr(self, name) for name in names}

    def raw_columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns by name, text maybe still in UTF-8."""
        return self.columns()

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
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in parts[0].columns()
        }
        return Games(**joined, size=sizes.pop())


def judge(
    moves: ArrayLike, *, size: int = 8, **known: ArrayLike
) -> tuple[Games, NDArray[np.int16]]:
    """Make games of legal rows (G, M); by row its first illegal move's place, or -1."""
    if unknown := sorted(known.keys() - _GIVEN):
        msg = f"games have no column {unknown[0]!r} to give, only {sorted(_GIVEN)}"
        raise TypeError(msg)
    table = move_table(moves)
    usual = dict(zip(STARTS, usual_starts(len(table), size), strict=True))
    columns = _UNKNOWN | usual | {"index": np.arange(len(table))} | known
    full = {
        name: np.broadcast_to(np.asarray(value, GAME_COLUMNS[name]), len(table))
        for name, value in columns.items()
    }
    starts = Starts(*(full[name] for name in STARTS)).checked(size)
    found = replay(table, size=size, starts=starts)
    full |= {"score": found.score, "finished": found.finished}
    legal = found.illegal < 0
    kept: Columns = {name: column[legal] for name, column in full.items()}
    return Games(moves=_widened(table[legal], size), **kept, size=size), found.illegal


@dataclass(frozen=True, eq=False)
class GameFile:
    """The legal games of a file, a line for what was left out, and other remarks."""

    games: Games
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def black_margins(
    score: NDArray[np.int8], known: NDArray[np.bool_], size: int
) -> NDArray[np.float32]:
    """Return by how many discs black is ahead in each game (G,), NaN if not known."""
    margins = 2 * score.astype(np.float32) - np.float32(size**2)
    return np.where(known, margins, np.float32(np.nan))


def read_bytes(path: str | Path) -> bytes:
    """Return what is in a game file."""
    try:
        return Path(path).read_bytes()
    except IsADirectoryError as error:
        msg = f"{path}: is a folder, expected a game file; name the files in it"
        raise GameFileError(msg) from error
    except FileNotFoundError as error:
        msg = f"{path}: no such file"
        raise GameFileError(msg) from error
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise GameFileError(msg) from error


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
        for first in range(0, len(column), _AT_ONCE):
            if first and column.dtype.kind in "US":
                digest.update(b"\0")
            digest.update(_plain_bytes(column[first : first + _AT_ONCE]))
    return digest.hexdigest()


def _plain_bytes(column: NDArray[Any]) -> bytes:
    """Return the content of a column, whatever the width of its strings."""
    if column.dtype.kind == "S":
        return b"\0".join(column.tolist())
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()
