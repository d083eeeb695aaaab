"""Game files by format: transcripts and records of other programs, all of them text.

A line of a file of transcripts (``.txt``) is a transcript, or columns that tabs
separate: black, white, year and transcript; blank lines and lines that begin with ``#``
are skipped. A GGF file (``.ggf``) has games such as
``(;GM[Othello]PB[one]PW[two]RE[+4.000]TY[8]BO[8 -...- *]B[d3//0.1]W[c5]...;)``, alone
or several a line; text between them is skipped. Passes are written there and dropped
here. A game book of Logistello (``.gam``) has a game a line, ``+d3-c3+c4...: +04 01``,
where a sign tells the colour and passes are left out. Messages count games, lines,
columns and moves from 1.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.files import write_whole
from conceptlrp.othello.board import PASS
from conceptlrp.othello.files.wthor import LATEST_YEAR, read_wthor
from conceptlrp.othello.games import GameFile, Games, keep_legal, padded, read_bytes
from conceptlrp.othello.position import (
    Position,
    parse_square,
    parse_transcript,
    transcript_text,
)

# The reader of .wtb files says what is wrong with the others of this family.
_WTHOR: Final = (".wtb", ".wtd", ".pzz", ".jou", ".trn")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_COLUMNS: Final = 4
_GAME: Final = re.compile(r"\(;(.*?);\)", re.DOTALL)
_PROPERTY: Final = re.compile(r"([A-Z]+)\[([^\]]*)\]")
_YEAR: Final = re.compile(r"(19|20)\d\d(?!\d)")
_RESULT: Final = re.compile(r"[+-]?\d+(\.0*)?")
_BOOK_LINE: Final = re.compile(r"((?:[+-][a-h][1-8])+)\s*:.*", re.IGNORECASE)


class _Record(NamedTuple):
    place: str
    moves: list[int]
    black: str = ""
    white: str = ""
    year: int = 0
    score: int = -1


def read_games(path: str | Path, *, size: int = 8) -> GameFile:
    """Read a game file of any known format, chosen by the end of its name."""
    path = Path(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        msg = f"{path}: is a folder; name the files in it, such as {path}/*.wtb"
    elif suffix in _WTHOR and size != 8:
        msg = f"{path.name}: WTHOR games are 8 x 8, not {size} x {size}"
    elif suffix in _WTHOR:
        return read_wthor(path)
    elif suffix == ".txt":
        return read_transcripts(path, size=size)
    elif suffix == ".ggf":
        return read_ggf(path, size=size)
    elif suffix == ".gam" and size == 8:
        return read_logistello(path)
    elif suffix == ".jsonl":
        return read_game_lines(path, size=size)
    elif suffix in (".h5", ".hdf5"):
        msg = f"{path.name}: is no game file; Corpus.load reads corpora"
    else:
        msg = (
            f"{path.name}: expected a WTHOR file (.wtb), transcripts (.txt), GGF "
            "(.ggf), a book of 8 x 8 games (.gam) or self-play (.jsonl)"
        )
    raise GameFileError(msg)


def read_transcripts(path: str | Path, *, size: int = 8) -> GameFile:
    """Read a file of transcripts: UTF-8 text, passes written or left out."""
    path = Path(path)
    lines = _LINE_END.split(_text(read_bytes(path), path.name))
    games = [
        _read_line(line, number, path.name, size)
        for number, line in enumerate(lines, start=1)
        if line.strip(" ") and not line.startswith("#")
    ]
    return _keep(games, path.name, size)


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
    games, path, overwrite
        The games, the file, usually ``.txt``, which appears once it is complete, and
        whether to replace what stands there, which otherwise raises
        `OutputExistsError`.
    """
    content = transcripts_text(games).encode()
    write_whole(path, content, overwrite=overwrite, error=GameFileError)


def _read_line(line: str, number: int, name: str, size: int) -> _Record:
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
    place = f"line {number}"
    if not known:
        return _Record(place, moves)
    black, white, year = (cell.strip() for cell in known)
    return _Record(place, moves, black, white, _year(year, f"{name}: {place}"))


def _year(text: str, place: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= LATEST_YEAR):
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


def read_ggf(path: str | Path, *, size: int = 8) -> GameFile:
    """Read a GGF file.

    Games on other boards or from another start (type ``8r``) are left out with a line
    each. A recorded score is kept where the game was played to its end; games that
    ended by resignation, time or agreement have none.
    """
    path = Path(path)
    text = read_bytes(path).decode("iso-8859-1")
    games = [_PROPERTY.findall(game) for game in _GAME.findall(text)]
    if not games:
        msg = f"{path.name}: has no game in GGF, such as (;GM[Othello]...;)"
        raise GameFileError(msg)
    records, problems = [], []
    for number, properties in enumerate(games, start=1):
        place = f"game {number}"
        if reason := _other_start(dict(properties), size):
            problems.append(f"{path.name}: {place}: {reason}; the game is left out")
        else:
            records.append(_ggf_record(properties, place, path.name, size))
    read = _keep(records, path.name, size)
    return GameFile(read.games, (*problems, *read.problems))


def read_logistello(path: str | Path) -> GameFile:
    """Read a game book of Logistello: text, an 8 x 8 game a line, without names."""
    path = Path(path)
    lines = read_bytes(path).decode("iso-8859-1").splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = _BOOK_LINE.fullmatch(line.strip())
        if found is None:
            msg = (
                f"{path.name}: line {number}: is no game of Logistello's book, "
                "expected '+d3-c3+c4...: +04'"
            )
            raise GameFileError(msg)
        names = re.findall(r"[a-h][1-8]", found[1], re.IGNORECASE)
        moves = [parse_square(name) for name in names]
        records.append(_Record(f"line {number}", moves))
    return _keep(records, path.name, 8)


def _ggf_record(
    properties: list[tuple[str, str]], place: str, name: str, size: int
) -> _Record:
    known = dict(properties)
    moves = []
    for key, value in properties:
        if key not in ("B", "W"):
            continue
        square = value.split("/")[0]
        try:
            moves.append(parse_square(square, size))
        except NotationError as error:
            msg = f"{name}: {place}, move {len(moves) + 1}: {error}"
            raise GameFileError(msg) from error
    year = _YEAR.match(known.get("DT", ""))
    return _Record(
        place,
        [move for move in moves if move != PASS],
        known.get("PB", "").strip(),
        known.get("PW", "").strip(),
        int(year[0]) if year else 0,
        _score(known.get("RE", ""), size),
    )


def _other_start(known: dict[str, str], size: int) -> str:
    """Say why a game does not begin from the usual start; empty if it does."""
    if known.get("GM", "Othello").lower() != "othello":
        return f"is of {known['GM']}, not of Othello"
    side, _, board = known.get("BO", "").strip().partition(" ")
    if side != str(size):
        return f"has board size {side!r}, expected {size}"
    squares = "".join(board.split())
    try:
        found = Position.from_obf(f"{squares[:-1]} {squares[-1:]}")
    except NotationError:
        return "has a board that cannot be read"
    return "" if found == Position.start(size) else "does not begin from the start"


def _score(result: str, size: int) -> int:
    """Return the black discs of a margin such as +4.000; -1 if not played out."""
    if not _RESULT.fullmatch(result.strip()):
        return -1
    score = (size * size + int(float(result))) // 2
    return score if 0 <= score <= size * size else -1


def _keep(records: list[_Record], name: str, size: int) -> GameFile:
    return keep_legal(
        padded([record.moves for record in records], size),
        [record.place for record in records],
        source=name,
        size=size,
        black=[record.black for record in records],
        white=[record.white for record in records],
        year=[record.year for record in records],
        recorded_score=[record.score for record in records],
    )


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
