"""PGN: tags such as ``[Black "Able"]``, then moves, ``1. f5 d6 2. c3 d3 33-31``.

Comments, variations and annotations are skipped, passes dropped. A game without tags
is read too where its moves are numbered over several lines.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from conceptlrp.errors import NotationError
from conceptlrp.othello.files.records import (
    Record,
    first_lines,
    keep,
    placed_lines,
    score_in,
    year_in,
)
from conceptlrp.othello.games import GameFile
from conceptlrp.othello.position import Position, parse_square

_TAG: Final = re.compile(r'\s*\[\s*(\w{1,50})\s+"((?:[^"\\]|\\.)*+)"')
_NUMBERED: Final = re.compile(
    r"\s*(?:[2-9]|[1-9]\d)\.+\s*(?:[a-h][1-8]|--|pass|pa)(?:\s|$)", re.IGNORECASE
)
_TOKEN: Final = re.compile(r"\{[^}]*\}?|;[^\n]*|[()]|[^\s(){};]+")
_NUMBER: Final = re.compile(r"\d{1,3}\.+")
_RESULT: Final = re.compile(r"\d{1,2}[-:]\d{1,2}|1/2-1/2|\*|[+-]\d{1,2}")


class _Game(NamedTuple):
    tags: dict[str, str]
    text: list[str]


def looks_like(data: bytes) -> bool:
    """Tell whether there are tags, or lines that go on with numbered moves."""
    lines = first_lines(data)
    return any(_TAG.match(line) or _NUMBERED.match(line) for line in lines)


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read the main lines of the games of a file."""
    return keep(path, size or 8, _games(data), _record)


def _games(data: bytes) -> list[tuple[str, _Game]]:
    games: list[tuple[str, _Game]] = []
    for place, line in placed_lines(data):
        tag = _TAG.match(line)
        if not games or (tag and games[-1][1].text):
            games.append((f"game {len(games) + 1}, {place}", _Game({}, [])))
        tags, text = games[-1][1]
        if tag:
            tags[tag[1].lower()] = tag[2]
        else:
            text.append(line)
    return games


def _record(game: _Game, size: int) -> Record:
    tags, moves, depth = game.tags, [], 0
    result = tags.get("result", "")
    try:
        start = Position.from_text(tags["fen"], size) if "fen" in tags else None
        for token in _TOKEN.findall("\n".join(game.text)):
            depth = max(0, depth + (token == "(") - (token == ")"))
            name = _NUMBER.sub("", token, count=1).rstrip("!?+#")
            if depth or not name or token[0] in "{;$)":
                continue
            if _RESULT.fullmatch(name):
                result = result or name
            else:
                moves.append(parse_square(name[:20], size))
    except NotationError as error:
        msg = f"move {len(moves) + 1}: {error}"
        raise NotationError(msg) from error
    if depth:
        msg = "has a variation that is not closed"
        raise NotationError(msg)
    return Record(
        moves,
        tags.get("black", ""),
        tags.get("white", ""),
        tags.get("event", ""),
        year_in(tags.get("date", "")),
        score_in(result, size),
        start=start,
    )
