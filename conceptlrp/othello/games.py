"""Games as tables: their moves, what is known about each, and replaying them.

Shapes use G games, M moves a game (60, or 32 on the 6 x 6 board) and P decision
positions. Passes are not recorded: a side that cannot move is passed over. A
decision position is the board before a recorded move, after such a pass. A score is
the number of black discs at the end, the empty squares being given to the winner.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError, IllegalMoveError
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    final_score,
    flip_words,
    is_over,
    legal_words,
    region_of,
    square_bits,
    start,
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
# A block is small enough for its boards to stay in the cache from ply to ply.
_BLOCK: Final = 4096


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
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in parts[0].columns()
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
    columns = _UNKNOWN | {"index": np.arange(len(table))} | known
    columns |= {"score": found.score, "finished": found.finished}
    full = {
        name: np.broadcast_to(np.asarray(value, GAME_COLUMNS[name]), len(table))[legal]
        for name, value in columns.items()
    }
    return Games(moves=_widened(table[legal], size), **full, size=size), found.illegal


@dataclass(frozen=True, eq=False)
class GameFile:
    """The legal games of a file, a line for what was left out, and other remarks."""

    games: Games
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
        digest.update(_plain_bytes(column))
    return digest.hexdigest()


def _plain_bytes(column: NDArray[Any]) -> bytes:
    """Return the content of a column, whatever the width of its strings."""
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()


@dataclass(frozen=True, eq=False, kw_only=True)
class Replay:
    """The decision positions of games (P,), ordered by game, then by ply.

    ``ply`` is also the place of ``played`` in its game. Of each game (G,): ``illegal``
    is the place of the first illegal move, -1 when there is none; positions from there
    on are left out. ``score`` counts black discs, empties to the winner, -1 when the
    game is not ``finished``.
    """

    own: NDArray[np.uint64]
    opponent: NDArray[np.uint64]
    mover: NDArray[np.uint8]
    ply: NDArray[np.uint8]
    played: NDArray[np.int8]
    game: NDArray[np.int32]
    illegal: NDArray[np.int16]
    finished: NDArray[np.bool_]
    score: NDArray[np.int8]


def replay(moves: ArrayLike, *, size: int = 8) -> Replay:
    """Play games (G, M) move by move, passing over a side that cannot move.

    A move that turns no disc over, or that follows a gap, is illegal.

    >>> found = replay([[37, 43, 18, NO_MOVE]])
    >>> found.mover.tolist(), found.finished.tolist()
    ([0, 1, 0], [False])
    """
    table = move_table(moves)
    blocks = [
        _replay_block(table[first : first + _BLOCK], first, size)
        for first in range(0, max(len(table), 1), _BLOCK)
    ]
    names = list(blocks[0])
    # Blocks are emptied as they are joined, so that memory holds them once.
    return Replay(
        **{name: np.concatenate([b.pop(name) for b in blocks]) for name in names}
    )


def moves_per_game(size: int) -> int:
    """Return how many moves a game can have: 60, or 32 on the 6 x 6 board."""
    return region_of(size).bit_count() - 4


def move_table(moves: ArrayLike) -> NDArray[np.int8]:
    """Return moves as a table of int8, or refuse what is none."""
    table = np.asarray(moves)
    if table.ndim != 2 or (table.size and table.dtype.kind not in "ui"):
        msg = (
            f"moves are {table.dtype} of shape {table.shape}, "
            "expected whole numbers of shape (G, M)"
        )
        raise ValueError(msg)
    if table.size and not NO_MOVE <= table.min() <= table.max() < PASS:
        msg = f"moves run from {table.min()} to {table.max()}, expected -1 to 63"
        raise ValueError(msg)
    return table.astype(np.int8)


class _Boards:
    """Games in progress, one board each, all at the same ply."""

    def __init__(self, games: int, size: int) -> None:
        self.region = region_of(size)
        self.size = size
        self.own, self.opponent = (np.full(games, d, np.uint64) for d in start(size))
        self.mover = np.full(games, BLACK, np.uint8)
        self.ended = np.zeros(games, np.bool_)
        self.illegal = np.full(games, -1, np.int16)

    def turned_by(self, moves: NDArray[np.int8], ply: int) -> NDArray[np.uint64]:
        """Return the discs each move turns over, after a pass where one is due."""
        bits = square_bits(moves) & np.uint64(self.region)
        turned: NDArray[np.uint64] = flip_words(self.own, self.opponent, bits)
        moved = moves != NO_MOVE
        # Few moves turn nothing over, so only these games are looked at twice.
        idle = np.flatnonzero(moved & (turned == 0))
        due = idle[legal_words(self.own[idle], self.opponent[idle]) & self.region == 0]
        self.swap(due)
        turned[due] = flip_words(self.own[due], self.opponent[due], bits[due])
        wrong = moved & (self.ended | (turned == 0)) & (self.illegal < 0)
        self.illegal[wrong] = ply
        self.ended |= ~moved | wrong
        turned[self.ended] = 0
        return turned

    def swap(self, games: NDArray[np.intp]) -> None:
        """Give the move to the other side."""
        self.own[games], self.opponent[games] = self.opponent[games], self.own[games]
        self.mover[games] ^= 1

    def play(self, moves: NDArray[np.int8], turned: NDArray[np.uint64]) -> None:
        """Make the moves that turn discs over."""
        moved = turned != 0
        after = self.own | turned | square_bits(moves)
        self.own = np.where(moved, self.opponent & ~turned, self.own)
        self.opponent = np.where(moved, after, self.opponent)
        self.mover ^= moved

    def result(self) -> dict[str, NDArray[Any]]:
        """Return the columns of `Replay` that have one entry a game."""
        over = is_over(self.own, self.opponent, size=self.size) & (self.illegal < 0)
        turn = self.mover == BLACK
        black = np.where(turn, self.own, self.opponent)
        white = np.where(turn, self.opponent, self.own)
        score = final_score(black, white, self.size)
        score = np.where(over, score, np.int8(-1))
        return {"illegal": self.illegal, "finished": over, "score": score}


def _replay_block(
    moves: NDArray[np.int8], first_game: int, size: int
) -> dict[str, NDArray[Any]]:
    # Plies at which every game is over would be looked at in vain.
    moves = moves[:, : 1 + np.flatnonzero((moves >= 0).any(axis=0)).max(initial=0)]
    games, width = moves.shape
    boards = _Boards(games, size)
    own, opponent = np.empty((2, games, width), np.uint64)
    mover = np.empty((games, width), np.uint8)
    made = np.zeros((games, width), np.bool_)
    for ply in range(width):
        turned = boards.turned_by(moves[:, ply], ply)
        own[:, ply], opponent[:, ply] = boards.own, boards.opponent
        mover[:, ply], made[:, ply] = boards.mover, turned != 0
        boards.play(moves[:, ply], turned)
    game, ply_of = np.nonzero(made)
    return {
        "own": own[made],
        "opponent": opponent[made],
        "mover": mover[made],
        "ply": ply_of.astype(np.uint8),
        "played": moves[made],
        "game": (game + first_game).astype(np.int32),
        **boards.result(),
    }
