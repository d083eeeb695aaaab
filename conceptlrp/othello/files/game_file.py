"""What reading a game file gives, whatever its format."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello.board import NO_MOVE, PASS
from conceptlrp.othello.games import Games, judge, moves_per_game
from conceptlrp.othello.position import parse_transcript, square_name


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


FORMAT: Final = "conceptlrp-selfplay"
VERSION: Final = 1


def read_game_lines(path: str | Path, *, size: int = 8) -> GameFile:
    """Read the games of a file of self-play."""
    path = Path(path)
    lines = list(json_lines(path))
    header = checked_header(lines, path.name)
    if header["size"] != size:
        side = header["size"]
        msg = f"{path.name}: games are {side} x {side}, expected {size} x {size}"
        raise GameFileError(msg)
    name = str(header.get("name", ""))
    games = [(number, line) for number, line in lines[1:] if "moves" in line]
    places = [f"line {number}" for number, _ in games]
    moves = [
        _moves(line["moves"], size, f"{path.name}: {place}")
        for place, (_, line) in zip(places, games, strict=True)
    ]
    table = padded(moves, size)
    return keep_legal(
        table, places, source=path.name, size=size, black=name, white=name
    )


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number, from 1, and the object of every complete line."""
    # What follows the last line end was being written when its writer was killed.
    complete = read_bytes(path).split(b"\n")[:-1]
    for number, line in enumerate(complete, start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            msg = f"{path.name}: line {number} is no JSON: {error}"
            raise GameFileError(msg) from error
        if not isinstance(found, dict):
            msg = f"{path.name}: line {number} is no JSON object"
            raise GameFileError(msg)
        yield number, found


def checked_header(
    lines: list[tuple[int, dict[str, Any]]], name: str
) -> dict[str, Any]:
    """Return the header of a file of self-play."""
    header = lines[0][1] if lines else {}
    if header.get("format") != FORMAT or header.get("size") not in (6, 8):
        msg = f"{name}: is no file of self-play, whose first line is its header"
        raise GameFileError(msg)
    if header.get("version") != VERSION:
        msg = (
            f"{name}: is of version {header.get('version')}, this conceptlrp reads "
            f"version {VERSION}; install a newer conceptlrp"
        )
        raise GameFileError(msg)
    return header


def _moves(text: object, size: int, place: str) -> list[int]:
    try:
        return parse_transcript(str(text), size)
    except NotationError as error:
        msg = f"{place}: {error}"
        raise GameFileError(msg) from error
