"""Playing recorded games again, from where each begins.

Shapes use G games, M moves a game and P decision positions, as in `games`.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    WHITE,
    count,
    final_score,
    flip_words,
    is_over,
    legal_words,
    region_of,
    square_bits,
    start,
)

# A block is small enough for its boards to stay in the cache from ply to ply.
_BLOCK: Final = 4096


class Starts(NamedTuple):
    """Boards that games begin from: bitboards and the side to move, of shape (G,)."""

    black: NDArray[np.uint64]
    white: NDArray[np.uint64]
    mover: NDArray[np.uint8]

    def take(self, rows: slice | NDArray[np.int64]) -> "Starts":
        """Choose some of them."""
        return Starts(self.black[rows], self.white[rows], self.mover[rows])

    def standard(self, size: int) -> NDArray[np.bool_]:
        """Return which are the usual start."""
        black, white = (np.uint64(discs) for discs in start(size))
        same = (self.black == black) & (self.white == white)
        return np.asarray(same & (self.mover == BLACK))

    def checked(self, size: int) -> "Starts":
        """Refuse what is no board, by its number."""
        outside = (self.black | self.white) & ~np.uint64(region_of(size))
        wrong = (self.black & self.white | outside) != 0
        wrong |= self.mover > WHITE
        if wrong.any():
            msg = (
                f"start {int(np.argmax(wrong)) + 1} is no board: its discs overlap or "
                "lie outside, or its mover is neither 0 (black) nor 1 (white)"
            )
            raise ValueError(msg)
        return self


def usual_starts(games: int, size: int) -> Starts:
    """Return the usual start for so many games."""
    black, white = (np.full(games, discs, np.uint64) for discs in start(size))
    return Starts(black, white, np.full(games, BLACK, np.uint8))


@dataclass(frozen=True, eq=False, kw_only=True)
class Replay:
    """The decision positions of games (P,), ordered by game, then by ply.

    ``ply`` is the discs on the board less four. Of each game (G,): ``illegal`` is the
    place of the first illegal move, -1 when there is none; positions from there on are
    left out. ``score`` counts black discs, empties to the winner, -1 when the game is
    not ``finished``.
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


def replay(moves: ArrayLike, *, size: int = 8, starts: Starts | None = None) -> Replay:
    """Play games (G, M) move by move, passing over a side that cannot move.

    A move that turns no disc over, or that follows a gap, is illegal. Without `starts`
    all begin from the usual one. A game without moves gives the board that it begins
    from, so that no board is lost.

    >>> found = replay([[37, 43, 18, NO_MOVE]])
    >>> found.mover.tolist(), found.finished.tolist()
    ([0, 1, 0], [False])
    """
    table = move_table(moves)
    starts = usual_starts(len(table), size) if starts is None else starts
    blocks = []
    for first in range(0, max(len(table), 1), _BLOCK):
        rows = slice(first, first + _BLOCK)
        blocks.append(_replay_block(table[rows], starts.take(rows), first, size))
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

    def __init__(self, starts: Starts, size: int) -> None:
        self.region = region_of(size)
        self.size = size
        games, black = len(starts.mover), starts.mover == BLACK
        self.own = np.where(black, starts.black, starts.white)
        self.opponent = np.where(black, starts.white, starts.black)
        self.mover = starts.mover.copy()
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
    moves: NDArray[np.int8], starts: Starts, first_game: int, size: int
) -> dict[str, NDArray[Any]]:
    # Plies at which every game is over would be looked at in vain.
    moves = moves[:, : 1 + np.flatnonzero((moves >= 0).any(axis=0)).max(initial=0)]
    games, width = moves.shape
    boards = _Boards(starts, size)
    own, opponent = np.empty((2, games, width), np.uint64)
    mover = np.empty((games, width), np.uint8)
    made = np.zeros((games, width), np.bool_)
    for ply in range(width):
        turned = boards.turned_by(moves[:, ply], ply)
        own[:, ply], opponent[:, ply] = boards.own, boards.opponent
        mover[:, ply], made[:, ply] = boards.mover, turned != 0
        boards.play(moves[:, ply], turned)
    made[:, :1] |= (moves < 0).all(axis=1, keepdims=True)
    game, place = np.nonzero(made)
    discs = place + count(starts.black | starts.white)[game]
    return {
        "own": own[made],
        "opponent": opponent[made],
        "mover": mover[made],
        "ply": np.maximum(discs - 4, 0).astype(np.uint8),
        "played": moves[made],
        "game": (game + first_game).astype(np.int32),
        **boards.result(),
    }
