"""Files of self-play (``.jsonl``): a header, then a game a line, each in JSON."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from conceptlrp.errors import GameFileError
from conceptlrp.jsontext import loads
from conceptlrp.othello.files.records import Record, agreed_size, keep
from conceptlrp.othello.files.transcripts import moves_of
from conceptlrp.othello.games import GameFile, read_bytes

FORMAT: Final = "conceptlrp-selfplay"
VERSION: Final = 1


def looks_like(data: bytes) -> bool:
    """Tell whether a file begins with the header of self-play."""
    return data[:1] == b"{" and FORMAT.encode() in data[:1000].partition(b"\n")[0]


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read the games of a file of self-play."""
    # What follows the last line end was being written when its writer was killed.
    first, *rest = data.split(b"\n")[:-1] or [b""]
    header = checked_header([(1, _parsed(first, f"{path.name}: line 1 is"))], path.name)
    size = agreed_size(path.name, int(header["size"]), size)
    placed = ((f"line {number}", line) for number, line in enumerate(rest, start=2))
    return keep(path, size, placed, partial(_record, str(header.get("name", ""))))


def _record(name: str, line: bytes, size: int) -> Record | None:
    try:
        game = _parsed(line, "is")
    except GameFileError as error:
        return Record(problem=str(error))
    # Other lines tell of the run.
    return (
        Record(moves_of(str(game["moves"]), size), name, name)
        if "moves" in game
        else None
    )


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number, from 1, and the object of every complete line."""
    for number, line in enumerate(read_bytes(path).split(b"\n")[:-1], start=1):
        yield number, _parsed(line, f"{path.name}: line {number} is")


def _parsed(line: bytes, subject: str) -> dict[str, Any]:
    try:
        found = loads(line)
    except ValueError as error:
        msg = f"{subject} no JSON: {error}"
        raise GameFileError(msg) from error
    if not isinstance(found, dict):
        msg = f"{subject} no JSON object"
        raise GameFileError(msg)
    return found


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
