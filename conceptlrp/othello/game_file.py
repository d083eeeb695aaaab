"""What reading a game file gives, whatever its format."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import PASS
from conceptlrp.othello.games import Games, judge
from conceptlrp.othello.notation import square_name


@dataclass(frozen=True, eq=False)
class GameFile:
    """The games of a file.

    Attributes
    ----------
    games : Games
        The legal ones, in order.
    problems : tuple of str
        One line for each game that was left out, with the place and the reason.
    """

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

    Shapes: `moves` (G, M), `**known` (G,). Returns: Unfinished games are kept; their
    score is -1.
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


def read_bytes(path: str | Path) -> bytes:
    """Return what is in a game file."""
    try:
        return Path(path).read_bytes()
    except IsADirectoryError as error:
        message = f"{path}: is a folder, expected a game file; name the files in it"
        raise GameFileError(message) from error
    except FileNotFoundError as error:
        message = f"{path}: no such file"
        raise GameFileError(message) from error
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be read: {error}"
        raise GameFileError(message) from error


def _name(square: int, size: int) -> str:
    return repr(square_name(square, size)) if 0 <= square < PASS else "a gap"
