"""What reading a game file gives, whatever its format."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import NO_MOVE, PASS
from conceptlrp.othello.games import Games, judge
from conceptlrp.othello.notation import square_name
from conceptlrp.othello.replay import moves_per_game


@dataclass(frozen=True, eq=False)
class GameFile:
    """The legal games of a file, and a line for each game that was left out."""

    games: Games
    problems: tuple[str, ...] = ()


def keep_legal(
    moves: ArrayLike,
    places: Sequence[str],
    *,
    source: str,
    size: int = 8,
    **known: ArrayLike,
) -> GameFile:
    """Keep the games of a file that are legal, and tell of the others.

    Shapes: `moves` (G, M), `**known` (G,). Unfinished games are kept, with a score
    of -1.
    """
    table = np.asarray(moves)
    games, illegal = judge(table, size=size, source=source, **known)
    problems = []
    for row in np.flatnonzero(illegal >= 0):
        ply = illegal[row]
        name = _name(int(table[row, ply]), size)
        problems.append(
            f"{source}: {places[int(row)]}, move {ply + 1}: {name} is not legal; "
            "the game is left out"
        )
    return GameFile(games, tuple(problems))


def padded(games: Sequence[Sequence[int]], size: int) -> NDArray[np.int8]:
    """Return lists of moves as a table of shape (G, M), filled up with `NO_MOVE`."""
    # One more move than a game can have is enough to show that it is not legal.
    width = moves_per_game(size) + 1
    table = np.full((len(games), width), NO_MOVE, np.int8)
    for row, moves in zip(table, games, strict=True):
        row[: len(moves)] = moves[:width]
    return table


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


def _name(square: int, size: int) -> str:
    return repr(square_name(square, size)) if 0 <= square < PASS else "a gap"
