"""Boards that somebody gives, with what is known of each: checked, and as bitboards.

Shapes use N boards. Messages number boards as the array does, from 0.
"""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import IllegalMoveError
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    REGION,
    WHITE,
    count,
    legal_moves,
    off_device,
    square_bits,
)
from conceptlrp.othello.games import Games
from conceptlrp.othello.position import square_name, squares_by_name


def _movers(mover: ArrayLike | None, n: int) -> NDArray[np.uint8]:
    """Return who is to move on each board, black unless it is said."""
    movers = np.asarray(BLACK if mover is None else off_device(mover))
    if movers.dtype.kind in "UTO":  # words, as Corpus.frame() has them
        movers = np.select(
            [movers == "black", movers == "white"], [BLACK, WHITE], movers.astype("O")
        )
    if movers.shape not in ((), (n,)):
        msg = f"mover has shape {movers.shape}, expected one for all or ({n},)"
        raise ValueError(msg)
    wrong = ~np.isin(movers, (BLACK, WHITE))
    if wrong.any():
        msg = f"mover is {movers[wrong][0]}, expected 0, 'black', 1 or 'white'"
        raise ValueError(msg)
    return np.broadcast_to(movers, n).astype(np.uint8)


def _moves(
    played: ArrayLike | None,
    own: NDArray[np.uint64],
    opponent: NDArray[np.uint64],
    size: int,
) -> NDArray[np.int8]:
    """Return the move played on each board, squares or their names, as squares."""
    n = len(own)
    if played is None:
        return np.full(n, NO_MOVE, np.int8)
    moves = [_square(move, size, i) for i, move in enumerate(_listed(played))]
    if len(moves) != n:
        msg = f"played has {len(moves)} entries for {n} boards, expected one a board"
        raise ValueError(msg)
    found = np.array(moves, np.int8)
    legal = legal_moves(own, opponent, size=size)
    passes = (legal == 0) & (legal_moves(opponent, own, size=size) != 0)
    fine = np.where(found == PASS, passes, (square_bits(found) & legal) != 0)
    wrong = np.flatnonzero(~fine & (found != NO_MOVE))
    if wrong.size:
        i = int(wrong[0])
        msg = f"board {i}: played {square_name(moves[i], size)!r} is not legal there"
        raise IllegalMoveError(msg)
    return found


def _games(game: Iterable[Hashable] | None, n: int) -> NDArray[np.int32]:
    """Return the number of each label, by the order in which they first come."""
    if game is None:
        return np.arange(n, dtype=np.int32)
    labels = _listed(game)
    if len(labels) != n:
        msg = f"game has {len(labels)} labels for {n} boards, expected one a board"
        raise ValueError(msg)
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(x, len(numbers)) for x in labels], np.int32)


def given_columns(
    own: NDArray[np.uint64],
    opponent: NDArray[np.uint64],
    mover: ArrayLike | None,
    size: int,
    played: ArrayLike | None,
    game: Iterable[Hashable] | None,
) -> dict[str, Any]:
    """Return the columns of a corpus of boards, a game for each or for each label."""
    movers, games = _movers(mover, len(own)), _games(game, len(own))
    moves = _moves(played, own, opponent, size)
    first = np.unique(games, return_index=True)[1]
    # The moves of a game of several boards are not known, only what was played next.
    known = np.zeros(len(own), np.bool_) if game is not None else moves != PASS
    recorded = np.where(known, moves, NO_MOVE)[first, None]
    black, white = np.where(movers == BLACK, (own, opponent), (opponent, own))[:, first]
    return {
        "own": own,
        "opponent": opponent,
        "mover": movers,
        "ply": np.clip(count(own | opponent).astype(np.int64) - 4, 0, None),
        "played": moves,
        "game": games,
        "symmetry": np.zeros(len(own)),
        "games": Games.of_boards(
            black, white, movers[first], size=size, moves=recorded
        ),
    }


def _square(move: Any, size: int, i: int) -> int:
    # A column of a table has NaN where nothing is known.
    if move in (None, "") or move != move:
        return NO_MOVE
    named = squares_by_name(size)
    square: Any = move
    if isinstance(move, str):
        square = named.get(move.strip().lower())
    on_board = square in range(PASS) and REGION[size] >> int(square) & 1
    if not (on_board or square in (NO_MOVE, PASS)):
        msg = (
            f"board {i}: played {move!r} is no square, expected a name such as 'd3', "
            "0 to 63, or -1"
        )
        raise ValueError(msg)
    return int(square)


def _listed(values: Any) -> list[Any]:
    """Return an array, tensor, column or list, or one value, as a list."""
    listed = values.tolist() if hasattr(values, "tolist") else values
    one = isinstance(listed, str) or not isinstance(listed, Iterable)
    return [listed] if one else list(listed)
