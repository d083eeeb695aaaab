"""Games that are kept of a file: those that are legal, from whichever start.

Shapes use G games of M moves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    legal_moves,
    square_bits,
    squares,
    start,
)
from conceptlrp.othello.games import STARTS, GameFile, Games, judge
from conceptlrp.othello.position import square_name
from conceptlrp.othello.replay import Starts, moves_per_game, replay, usual_starts
from conceptlrp.othello.symmetry import turn_squares


def keep_legal(
    moves: ArrayLike,
    places: Sequence[str],
    *,
    source: str,
    size: int = 8,
    starts: Starts | None = None,
    movers: Sequence[Sequence[int]] = (),
    **known: ArrayLike,
) -> GameFile:
    """Keep the games of a file that are legal, and tell of the others.

    Shapes: `moves` (G, M), `**known` (G,). Unfinished games are kept, with a score
    of -1. Games from the mirrored start are turned. `movers` are who made the moves of
    each game, where a file says so.
    """
    recorded = np.asarray(moves)
    usual = usual_starts(len(recorded), size)
    begun = usual if starts is None else starts
    turned = _mirrored(recorded, begun, size)
    table = np.where(turned[:, None], turn_squares(recorded, 1), recorded)
    columns: Any = zip(STARTS, usual, begun, strict=True)
    known |= {name: np.where(turned, plain, own) for name, plain, own in columns}
    games, illegal = judge(table, size=size, source=source, **known)
    problems = {}
    for row in np.flatnonzero(illegal >= 0).tolist():
        move = _name(int(recorded[row, illegal[row]]), size)
        where = " from the mirrored start" if turned[row] else ""
        problems[row] = f"move {illegal[row] + 1}: {move} is not legal{where}"
    if any(movers):
        legal = np.flatnonzero(illegal < 0).tolist()
        wrong = _out_of_turn(games, padded([movers[row] for row in legal], size))
        for row, place in zip(legal, wrong, strict=True):
            if place >= 0:
                problems[row] = f"move {place + 1} is not of the side to move"
        games = games.take(np.array(wrong, np.int64) < 0)
    told = [left_out(source, places[row], problems[row]) for row in sorted(problems)]
    turned[list(problems)] = False
    if not (count := int(turned.sum())):
        return GameFile(games, tuple(told))
    begin, were = ("games begin", "were") if count > 1 else ("game begins", "was")
    note = f"{source}: {count:,} {begin} from the mirrored start and {were} turned"
    return GameFile(games, tuple(told), (note,))


def keep_boards(
    starts: Starts,
    moves: NDArray[np.int8],
    places: Sequence[str],
    *,
    source: str,
    size: int,
    **known: Any,
) -> GameFile:
    """Keep boards (G,), each a game of its own with the one move (G,) that is known.

    A move that is not legal is left out; the board stays.
    """
    black = starts.mover == BLACK
    own = np.where(black, starts.black, starts.white)
    opponent = np.where(black, starts.white, starts.black)
    legal = legal_moves(own, opponent, size=size) & square_bits(moves) != 0
    problems = [
        f"{source}: {places[row]}: {_name(int(moves[row]), size)} is not legal; "
        "the move is left out"
        for row in np.flatnonzero(~legal & (moves >= 0)).tolist()
    ]
    known["moves"] = np.where(legal, moves, NO_MOVE)[:, None]
    games = Games.of_boards(*starts, size=size, source=source, **known)
    return GameFile(games, tuple(problems))


def _mirrored(moves: NDArray[Any], starts: Starts, size: int) -> NDArray[np.bool_]:
    """Tell which games (G,) begin from the usual start with its colours exchanged.

    Where no other start is told, a first move that is legal from there alone says so.
    """
    black, white = (np.uint64(discs) for discs in start(size))
    first = moves[:, :1].max(axis=1, initial=NO_MOVE)
    legal = np.isin(first, squares(legal_moves(white, black, size=size)))
    same = (starts.black == white) & (starts.white == black) & (starts.mover == BLACK)
    mirrored: NDArray[np.bool_] = same | (starts.standard(size) & legal)
    return mirrored


def _out_of_turn(games: Games, movers: NDArray[Any]) -> list[int]:
    """Return the place of each game's first move that the other side made, or -1."""
    found = replay(games.moves, size=games.size, starts=games.starts)
    made = found.played != NO_MOVE
    side: NDArray[Any] = np.full(games.moves.shape, NO_MOVE, np.int8)
    side[games.moves != NO_MOVE] = found.mover[made]
    told = movers[:, : side.shape[1]]
    wrong = (side != told) & (told != NO_MOVE)
    first: list[int] = np.where(wrong.any(axis=1), wrong.argmax(axis=1), -1).tolist()
    return first


def padded(games: Sequence[Sequence[int]], size: int) -> NDArray[np.int8]:
    """Return lists of moves as a table of shape (G, M), filled up with `NO_MOVE`."""
    # One more move than a game can have is enough to show that it is not legal.
    width = moves_per_game(size) + 1
    table = np.full((len(games), width), NO_MOVE, np.int8)
    for row, moves in zip(table, games, strict=True):
        row[: len(moves)] = moves[:width]
    return table


def _name(square: int, size: int) -> str:
    return repr(square_name(square, size)) if 0 <= square < PASS else "a gap"


def left_out(name: str, place: str, problem: str) -> str:
    """Say that a game of a file, or a line of it, is left out, and why."""
    goes_on = problem.startswith(("move ", "column "))
    what = f"{place}{', ' if goes_on else ': '}{problem}"
    return f"{name}: {what}; the {place.partition(' ')[0]} is left out"
