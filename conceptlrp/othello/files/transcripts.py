"""Transcripts: text with a game a line, and Logistello's game books.

A line is a transcript, ``f5d6c3d3c4``, perhaps with a number before it, ``12)``, and
may end with black's margin, ``+12``, or the discs of both, ``38-26``; or it is black,
white, year and transcript with tabs between them. Blank lines and comments (``#``) are
skipped. A game book (``.gam``) has lines ``+d3-c3+c4...: +04 01``, where a sign tells
the colour. Messages count from 1.
"""

import re
from pathlib import Path
from typing import Final

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.files import write_whole
from conceptlrp.othello.board import PASS
from conceptlrp.othello.files import pgn
from conceptlrp.othello.files.records import (
    LONGEST_GAME,
    Record,
    agreed_size,
    first_lines,
    keep,
    placed_lines,
    score_in,
)
from conceptlrp.othello.files.wthor import LATEST_YEAR
from conceptlrp.othello.games import GameFile, Games
from conceptlrp.othello.position import (
    parse_square,
    parse_transcript,
    squares_by_name,
    transcript_text,
)

_COLUMNS: Final = 4
#: What stands between moves, and two hyphens are a pass.
_BETWEEN: Final = re.compile(r"[,;:'\[\]]|(?<!-)-(?!-)")
_LABEL: Final = re.compile(
    r"\s*(?:game\s*)?#?\d{1,9}(?:\s*[.):]|(?=\s))", re.IGNORECASE
)
_RESULT: Final = re.compile(r"[+-]?\d{1,2}(?:\.0{1,3})?|\d{1,2}[-:]\d{1,2}")
_BOOK_GAME: Final = re.compile(r"(?:[+-][a-h][1-8])+", re.IGNORECASE)


def looks_like(data: bytes) -> bool:
    """Tell whether a line at the beginning of a file is a transcript."""
    if pgn.looks_like(data):
        return False
    return any(map(_is_read, first_lines(data)))


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read a file of transcripts, passes written or left out."""
    return keep(path, size or 8, placed_lines(data), _record)


def _is_read(line: str) -> bool:
    try:
        return bool({*_record(line, 8).moves} - {PASS})
    except NotationError:
        return False


def _record(line: str, size: int) -> Record:
    *known, transcript = line.split("\t", _COLUMNS)
    if known and len(known) != _COLUMNS - 1:
        msg = (
            f"{len(known) + 1} columns, expected a transcript, "
            "or black, white, year and transcript with tabs between them"
        )
        raise NotationError(msg)
    label = _LABEL.match(transcript)
    begin = label.end() if label else 0
    text = " " * begin + transcript[begin:].partition("#")[0]
    result = "".join(text.split()[-1:])
    if _RESULT.fullmatch(result):
        text = text[: text.rindex(result)]
    moves = moves_of(text, size, column=len(line) - len(transcript) + 1)
    score = score_in(result, size)
    black, white, year = (cell.strip() for cell in known or ("", "", ""))
    if year and not (
        year.isascii() and year.isdigit() and int(year[:9]) <= LATEST_YEAR
    ):
        msg = f"{year!r} is not a year; leave the column empty if unknown"
        raise NotationError(msg)
    return Record(moves, black, white, year=int(year or 0), score=score)


def moves_of(text: str, size: int, *, column: int = 1) -> list[int]:
    """Read the moves of a transcript, quickly where nothing but squares is in it."""
    if len(text) > LONGEST_GAME:
        msg = f"has {len(text):,} characters, more than any game"
        raise NotationError(msg)
    text = _BETWEEN.sub(" ", text)
    plain = "".join(text.split()).lower()
    known = squares_by_name(size)
    try:
        return [known[plain[i : i + 2]] for i in range(0, len(plain), 2)]
    except KeyError:
        return parse_transcript(text, size, column=column)


def transcripts_text(games: Games) -> str:
    """Return games as lines of black, white, year and transcript, between tabs."""
    if not games.standard.all():
        number = int(games.standard.argmin()) + 1
        msg = (
            f"game {number} begins from a board of its own, which no transcript tells; "
            "write games.take(games.standard), or save a corpus"
        )
        raise ValueError(msg)
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
    write_whole(
        path, content, overwrite=overwrite, error=GameFileError, token=_OWN_LINE
    )


# Black, white, year and moves, which no other file is likely to have in every line.
_OWN_LINE = re.compile(rb"[^\t]*\t[^\t]*\t\d{0,4}\t(?:[a-h][1-8])*")


def _cell(name: str) -> str:
    return " ".join(str(name).split())


def looks_like_book(data: bytes) -> bool:
    """Tell whether a line at the beginning of a file is of a game book."""
    return any(_BOOK_GAME.match(line.strip()) for line in first_lines(data))


def read_book(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read a game book of Logistello: an 8 x 8 game a line, without names."""
    agreed_size(path.name, 8, size)
    return keep(path, 8, placed_lines(data), _book_game)


def _book_game(line: str, size: int) -> Record:
    game, _, result = line.strip().partition(":")
    game = game.rstrip()
    if len(game) > LONGEST_GAME or not _BOOK_GAME.fullmatch(game):
        msg = "is no game of Logistello's book, expected '+d3-c3+c4...: +04'"
        raise NotationError(msg)
    moves = [parse_square(game[i : i + 2], size) for i in range(1, len(game), 3)]
    movers = ["+-".index(sign) for sign in game[::3]]
    return Record(
        moves, movers=movers, score=score_in("".join(result.split()[:1]), size)
    )
