"""Games as a file has them, one after the other, and what is kept of them.

A game that cannot be read is a record too, with the reason, so that each game keeps
its number in the file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello.board import PASS
from conceptlrp.othello.files.legal_games import keep_legal, left_out, padded
from conceptlrp.othello.games import GameFile, Games
from conceptlrp.othello.position import Position
from conceptlrp.othello.replay import Starts
from conceptlrp.shipped import demo_name

Entry = TypeVar("Entry")

#: Longer names would make every row of a column of names as long.
LONGEST_NAME: Final = 200
#: Characters of a game with move numbers, blanks and comments, generously.
LONGEST_GAME: Final = 4_000
_HEAD: Final = 1 << 16
_SAMPLE: Final = 50
_MARGIN: Final = re.compile(r"([+-]?\d{1,2})(?:\.0*)?")
_DISCS: Final = re.compile(r"(\d{1,2})\s?[-:]\s?(\d{1,2})")
_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")


class Record(NamedTuple):
    """A game of a file: `problem` says why it is left out, if it is.

    ``moves`` may have passes, ``movers`` are who made them where the file says so, and
    without ``start`` a game begins from the usual one. ``winner`` is 1 for black, 0 for
    a draw, -1 for white.
    """

    moves: Sequence[int] = ()
    black: str = ""
    white: str = ""
    tournament: str = ""
    year: int = 0
    score: int = -1
    winner: int | None = None
    start: Position | None = None
    movers: Sequence[int] = ()
    place: str = ""
    problem: str = ""


def text_of(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with its mark, or else, line by line, ISO-8859-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # One damaged name must not spoil those of the other lines.
        lines = data.split(b"\n")
        return (
            "\n".join(map(text_of, lines))
            if len(lines) > 1
            else data.decode("iso-8859-1")
        )


def numbered_lines(data: bytes, comments: str = "#") -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers from 1, without comments."""
    text = text_of(data).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith(tuple(comments)):
            yield number, line


def placed_lines(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield lines with their places, without blank lines and comments (#)."""
    for number, line in numbered_lines(data):
        if line.strip():
            yield f"line {number}", line


def first_lines(data: bytes) -> list[str]:
    """Return the first lines of a file, by which its format is told."""
    return [line for _, line in islice(placed_lines(data[:_HEAD]), _SAMPLE)]


def agreed_size(name: str, found: int, asked: int | None) -> int:
    """Return the size that a file says, or refuse to read it as another one."""
    if asked not in (None, found):
        msg = (
            f"{name}: games are {found} x {found}, expected {asked} x {asked}; give "
            f"games of that size, such as '{demo_name(asked or 8)}', or pass size "
            f"{found} if these are meant"
        )
        raise GameFileError(msg)
    return found


def year_in(text: str) -> int:
    """Return the first year in a date, 0 when there is none."""
    found = _YEAR.search(text)
    return int(found[0]) if found else 0


def score_in(text: str, size: int) -> int:
    """Return the black discs of ``+12`` (black's margin) or ``33-31``; -1 for others.

    Empty squares go to the winner.
    """
    squares, text = size * size, text.strip()
    if found := _MARGIN.fullmatch(text):
        margin = int(found[1])
        even = margin % 2 == 0 and abs(margin) <= squares
        return (squares + margin) // 2 if even else -1
    if not (found := _DISCS.fullmatch(text)):
        return -1
    black, white = int(found[1]), int(found[2])
    # A result such as 1-0 tells who won, and counts no discs.
    if not 9 <= black + white <= squares:
        return -1
    if black == white:
        return squares // 2
    return squares - white if black > white else black


def keep(
    path: Path,
    size: int,
    entries: Iterable[tuple[str, Entry]],
    read: Callable[[Entry, int], Record | None],
    *,
    notes: Sequence[str] = (),
) -> GameFile:
    """Keep the games of a file that can be read and are legal; tell of the others.

    Of an entry, by its place, `read` makes a game of a size, or None of what is none,
    or raises `NotationError`.
    """
    name, checked = path.name, []
    for place, entry in entries:
        try:
            record = read(entry, size)
        except NotationError as error:
            # The line is named already.
            record = Record(problem=str(error).removeprefix("line 1, "))
        if record is not None:
            checked.append(_checked(record._replace(place=place)))
    rows = [row for row, record in enumerate(checked) if not record.problem]
    fine = [checked[row] for row in rows]
    names, cut = _names(fine)
    found = keep_legal(
        padded([record.moves for record in fine], size),
        [record.place for record in fine],
        starts=_starts(fine, size),
        movers=[record.movers for record in fine],
        source=name,
        size=size,
        index=rows,
        year=[record.year for record in fine],
        recorded_score=[record.score for record in fine],
        **names,
    )
    unread = (left_out(name, r.place, r.problem) for r in checked if r.problem)
    remarks = [*notes, *found.notes]
    if cut:
        remarks.append(f"{name}: names cut to {LONGEST_NAME} characters: {cut:,}")
    if others := _other_results(found.games, checked):
        remarks.append(
            f"{name}: games that end otherwise than the file says: {len(others):,}, "
            f"the first is {others[0]}; the result of the moves is kept"
        )
    return GameFile(found.games, (*unread, *found.problems), tuple(remarks))


def _checked(record: Record) -> Record:
    """Leave out passes, and say of what is no game why not."""
    if PASS in record.moves:
        made = [i for i, move in enumerate(record.moves) if move != PASS]
        moves = [record.moves[i] for i in made]
        movers = [record.movers[i] for i in made if record.movers]
        record = record._replace(moves=moves, movers=movers)
    if not (record.problem or record.moves or record.start):
        return record._replace(problem="has no moves")
    return record


def _names(records: Sequence[Record]) -> tuple[dict[str, list[str]], int]:
    """Return names as text that every program can show, and how many were too long."""
    names = {
        column: [getattr(record, column) for record in records]
        for column in ("black", "white", "tournament")
    }
    cut = sum(len(text) > LONGEST_NAME for column in names.values() for text in column)
    return {column: [_shown(text) for text in names[column]] for column in names}, cut


def _shown(name: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in name[:LONGEST_NAME])
    return " ".join(text.split())


def _starts(records: Sequence[Record], size: int) -> Starts:
    usual = Position.start(size)
    starts = [record.start or usual for record in records]
    return Starts(
        np.array([start.black for start in starts], np.uint64),
        np.array([start.white for start in starts], np.uint64),
        np.array([start.mover for start in starts], np.uint8),
    )


def _other_results(games: Games, records: Sequence[Record]) -> list[str]:
    """Return where the games stand that another side wins than the file says."""
    half, found = games.size**2 // 2, []
    for row, score in zip(
        games.index[games.finished], games.score[games.finished], strict=True
    ):
        record = records[row]
        said = record.winner
        if said is None and record.score >= 0:
            said = record.score - half
        if said is not None and np.sign(said) != np.sign(score - half):
            found.append(record.place)
    return found
