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
    numbered_lines,
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
    place: str
    tags: dict[str, str]
    text: list[str]


def looks_like(data: bytes) -> bool:
    """Tell whether there are tags, or lines that go on with numbered moves."""
    lines = first_lines(data)
    return any(_TAG.match(line) or _NUMBERED.match(line) for line in lines)


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read the main lines of the games of a file."""
    size = size or 8
    return keep([_record(game, size) for game in _games(data)], path.name, size)


def _games(data: bytes) -> list[_Game]:
    games: list[_Game] = []
    for number, line in numbered_lines(data):
        tag = _TAG.match(line)
        if not games or (tag and games[-1].text):
            games.append(_Game(f"game {len(games) + 1}, line {number}", {}, []))
        if tag:
            games[-1].tags[tag[1].lower()] = tag[2]
        else:
            games[-1].text.append(line)
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
        return Record(game.place, problem=f"move {len(moves) + 1}: {error}")
    if depth:
        return Record(game.place, problem="has a variation that is not closed")
    return Record(
        game.place,
        moves,
        tags.get("black", ""),
        tags.get("white", ""),
        tags.get("event", ""),
        year_in(tags.get("date", "")),
        score_in(result, size),
        start=start,
    )
