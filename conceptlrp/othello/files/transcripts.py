"""Files of transcripts: one game a line, as text.

A line is a transcript, or columns that tabs separate: black, white, year and
transcript. Blank lines and lines that begin with ``#`` are skipped. Messages
count lines, columns and moves from 1.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.files import write_whole
from conceptlrp.othello.files.game_file import GameFile, keep_legal, padded, read_bytes
from conceptlrp.othello.games import Games
from conceptlrp.othello.notation import parse_transcript, transcript_text

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_COLUMNS: Final = 4
_LATEST_YEAR: Final = 2999


class _Line(NamedTuple):
    number: int
    moves: list[int]
    black: str = ""
    white: str = ""
    year: int = 0


def read_transcripts(path: str | Path, *, size: int = 8) -> GameFile:
    """Read a file of transcripts: UTF-8 text, passes written or left out."""
    path = Path(path)
    lines = _LINE_END.split(_text(read_bytes(path), path.name))
    games = [
        _read_line(line, number, path.name, size)
        for number, line in enumerate(lines, start=1)
        if line.strip(" ") and not line.startswith("#")
    ]
    return keep_legal(
        padded([game.moves for game in games], size),
        [f"line {game.number}" for game in games],
        source=path.name,
        size=size,
        black=[game.black for game in games],
        white=[game.white for game in games],
        year=[game.year for game in games],
    )


def transcripts_text(games: Games) -> str:
    """Return games as lines of black, white, year and transcript, between tabs."""
    lines = []
    for moves, black, white, year in zip(
        games.moves, games.black, games.white, games.year, strict=True
    ):
        transcript = transcript_text(moves.tolist(), games.size)
        columns = (_cell(black), _cell(white), str(year or ""), transcript)
        line = "\t".join(columns)
        # A name such as #123 must not make the line a comment.
        lines.append(f" {line}\n" if line.startswith("#") else f"{line}\n")
    return "".join(lines)


def write_transcripts(
    games: Games, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write games to a file of transcripts.

    Parameters
    ----------
    games : Games
        The games.
    path : str or Path
        The file, usually ``.txt``. It appears once it is complete.
    overwrite : bool
        Replace what stands at the path.

    Raises
    ------
    OutputExistsError
        Something stands at the path and is not to be overwritten.
    GameFileError
        The file cannot be written.
    """
    content = transcripts_text(games).encode()
    write_whole(path, content, overwrite=overwrite, error=GameFileError)


def _read_line(line: str, number: int, name: str, size: int) -> _Line:
    *known, transcript = line.split("\t")
    if known and len(known) != _COLUMNS - 1:
        msg = (
            f"{name}: line {number}: {len(known) + 1} columns, expected a transcript, "
            "or black, white, year and transcript with tabs between them"
        )
        raise GameFileError(msg)
    column = len(line) - len(transcript) + 1
    try:
        moves = parse_transcript(transcript, size, line=number, column=column)
    except NotationError as error:
        msg = f"{name}: {error}"
        raise GameFileError(msg) from error
    if not known:
        return _Line(number, moves)
    black, white, year = (cell.strip() for cell in known)
    return _Line(number, moves, black, white, _year(year, f"{name}: line {number}"))


def _year(text: str, place: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= _LATEST_YEAR):
        msg = f"{place}: {text!r} is not a year; leave the column empty if unknown"
        raise GameFileError(msg)
    return int(text)


def _text(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{name}: line {line}: byte {error.start} is not UTF-8 text"
        raise GameFileError(msg) from error
    if "\0" in text:
        msg = f"{name}: is binary, expected transcripts as text"
        raise GameFileError(msg)
    return text


def _cell(name: str) -> str:
    return " ".join(str(name).split())
