"""Files of self-play: one JSON object a line, of which the games are read here.

The first line is the header::

    {"format": "conceptlrp-selfplay", "version": 1, "size": 8, "options": {...}, ...}

then comes a line for each game::

    {
        "moves": "f5d6c3",
        "values": [null, 0.12, -0.3],
        "visits": [{}, {"d6": 15, "f6": 9, "f4": 1}, {"c3": 20, "d3": 5}],
    }

A value is that of the search for the side to move, ``null`` in a random opening;
visits are by square, and those of 0 are left out. Passes are not recorded.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello.files.game_file import GameFile, keep_legal, padded, read_bytes
from conceptlrp.othello.notation import parse_transcript

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
