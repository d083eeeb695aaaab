"""Tables of games: a game a row, with a column of transcripts among others (CSV).

The column of moves is told by its cells, with a header or without; commas, semicolons,
tabs or bars separate columns. Other columns are known by their names in the header:
black, white, year or date, tournament or event, score or result, and winner, which is
compared with the result of the moves.
"""

import csv
import re
from collections import Counter
from functools import partial
from itertools import islice
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
from conceptlrp.othello.files.transcripts import moves_of
from conceptlrp.othello.games import GameFile

_SEPARATORS: Final = ",;\t|"
#: What a column may be called, in small letters and without what is no letter.
_NAMES: Final = {
    "black": ("black", "blackplayer", "playerblack", "blackname", "pb"),
    "white": ("white", "whiteplayer", "playerwhite", "whitename", "pw"),
    "tournament": ("tournament", "event"),
    "year": ("year", "date"),
    "score": ("score", "result", "margin"),
    "discs": ("blackscore", "blackdiscs"),
    "others": ("whitescore", "whitediscs"),
    "winner": ("winner", "won", "outcome", "result"),
}
_WINNERS: Final = {
    **dict.fromkeys(("1", "+1", "1.0", "black", "b", "x", "1-0"), 1),
    **dict.fromkeys(("0", "0.0", "draw", "d", "tie", "1/2-1/2"), 0),
    **dict.fromkeys(("-1", "-1.0", "2", "white", "w", "o", "0-1"), -1),
}


class _Layout(NamedTuple):
    separator: str
    moves: int
    columns: dict[str, int]
    headed: bool


def looks_like(data: bytes) -> bool:
    """Tell whether lines have a column of transcripts among others."""
    return _layout(data) is not None


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read a table of games."""
    size, layout = size or 8, _layout(data) or _Layout(",", 0, {}, headed=False)
    lines = islice(placed_lines(data), layout.headed, None)
    return keep(path, size, lines, partial(_record, layout))


def _record(layout: _Layout, line: str, size: int) -> Record:
    cells, at = _cells(line, layout.separator), layout.moves
    if len(cells) <= at:
        msg = f"has {len(cells)} cells, but the moves are in cell {at + 1}"
        raise NotationError(msg)
    named = {n: cells[c].strip() for n, c in layout.columns.items() if c < len(cells)}
    discs = named.get("discs", "")
    if discs.isdecimal() and len(discs) <= 2:
        others = named.get("others", "") or size * size - int(discs)
        named["score"] = f"{discs}-{others}"
    return Record(
        moves_of(cells[at], size),
        named.get("black", ""),
        named.get("white", ""),
        named.get("tournament", ""),
        year_in(named.get("year", "")),
        score_in(named.get("score", ""), size),
        _winner(named),
    )


def _winner(named: dict[str, str]) -> int | None:
    """Return who won by a word such as ``Black wins``, or by the name of a player."""
    won = named.get("winner", "").lower()
    players = [named.get(side, "").lower() for side in ("white", "black")]
    if won and won in players and players[0] != players[1]:
        return 2 * players.index(won) - 1
    return _WINNERS.get(won.partition(" ")[0])


def _layout(data: bytes) -> _Layout | None:
    """Find the separator and the column by which most cells are transcripts."""
    lines = first_lines(data)
    rows = [(sign, _cells(line, sign)) for sign in _SEPARATORS for line in lines]
    found = Counter(
        (separator, column)
        for separator, cells in rows
        for column, cell in enumerate(cells)
        if len(cells) > 1 and _is_transcript(cell)
    )
    if not found:
        return None
    (separator, moves), _ = found.most_common(1)[0]
    header = _cells(lines[0], separator)
    if any(map(_is_transcript, header)):
        return _Layout(separator, moves, {}, headed=False)
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in header]
    columns = {
        column: plain.index(name)
        for column, names in _NAMES.items()
        for name in names
        if name in plain
    }
    return _Layout(separator, moves, columns, headed=True)


def _cells(line: str, separator: str) -> list[str]:
    """Split a line by itself, so that an open quote does not swallow those below."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator), [])
    # Such as a cell of more than 131,072 characters.
    except csv.Error:
        return []


def _is_transcript(cell: str) -> bool:
    try:
        return len(moves_of(cell, 8)) > 1
    except NotationError:
        return False
