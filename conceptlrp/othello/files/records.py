"""Games as a file has them, one after the other, and what is kept of them.

A game that cannot be read is a record too, with the reason, so that each game keeps
its number in the file. G games of M moves.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    legal_moves,
    square_bits,
)
from conceptlrp.othello.games import GameFile, Games, judge
from conceptlrp.othello.position import Position, square_name
from conceptlrp.othello.replay import Starts, moves_per_game

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
    without ``start`` a game begins from the usual one.
    """

    place: str
    moves: Sequence[int] = ()
    black: str = ""
    white: str = ""
    tournament: str = ""
    year: int = 0
    score: int = -1
    start: Position | None = None
    movers: Sequence[int] = ()
    problem: str = ""


def text_of(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with its mark, or else ISO-8859-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso-8859-1")


def numbered_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers from 1, without blank lines and comments (#)."""
    text = text_of(data).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def first_lines(data: bytes) -> list[str]:
    """Return the first lines of a file, by which its format is told."""
    lines = [line for _, line in numbered_lines(data[:_HEAD])]
    return lines[:_SAMPLE]


def agreed_size(name: str, found: int, asked: int | None) -> int:
    """Return the size that a file says, or refuse to read it as another one."""
    if asked not in (None, found):
        msg = (
            f"{name}: games are {found} x {found}, expected {asked} x {asked}; pass "
            f"games of that size, or leave out the size to read these"
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
    records: Sequence[Record], name: str, size: int, *, notes: Sequence[str] = ()
) -> GameFile:
    """Keep the games of a file that can be read and are legal; tell of the others."""
    checked = [_checked(record) for record in records]
    rows = [row for row, record in enumerate(checked) if not record.problem]
    read = [checked[row] for row in rows]
    columns: dict[str, Any] = {
        column: [getattr(record, column) for record in read]
        for column in ("black", "white", "tournament", "year")
    }
    names = ("black", "white", "tournament")
    cut = sum(len(text) > LONGEST_NAME for column in names for text in columns[column])
    columns |= {column: [shown(text) for text in columns[column]] for column in names}
    found = keep_legal(
        padded([record.moves for record in read], size),
        [record.place for record in read],
        source=name,
        size=size,
        index=rows,
        recorded_score=[record.score for record in read],
        **columns,
    )
    unread = (_left_out(name, record) for record in checked if record.problem)
    long = f"{name}: {cut:,} names were cut to {LONGEST_NAME} characters"
    return GameFile(
        found.games,
        (*unread, *found.problems),
        (*notes, *found.notes, *[long] * bool(cut)),
    )


def _checked(record: Record) -> Record:
    """Leave out passes, and say of what is no game why not."""
    if PASS in record.moves:
        made = [i for i, move in enumerate(record.moves) if move != PASS]
        moves = [record.moves[i] for i in made]
        movers = [record.movers[i] for i in made if record.movers]
        record = record._replace(moves=moves, movers=movers)
    if record.start:
        return record._replace(problem="does not begin from the start")
    if not (record.problem or record.moves):
        return record._replace(problem="has no moves")
    return record


def _left_out(name: str, record: Record) -> str:
    goes_on = record.problem.startswith(("move ", "column "))
    what = f"{record.place}{', ' if goes_on else ': '}{record.problem}"
    return f"{name}: {what}; the {record.place.partition(' ')[0]} is left out"


def shown(name: str) -> str:
    """Return a name as one line of text that every program can show."""
    text = "".join(c if c.isprintable() else " " for c in name[:LONGEST_NAME])
    return " ".join(text.split())


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


def keep_boards(
    starts: Starts,
    moves: NDArray[np.int8],
    places: Sequence[str],
    *,
    source: str,
    size: int,
    **known: Any,
) -> GameFile:
    """Keep boards (G,), each a game of its own with the one move (G,) that is known.

    A move that is not legal is left out; the board stays.
    """
    black = starts.mover == BLACK
    own = np.where(black, starts.black, starts.white)
    opponent = np.where(black, starts.white, starts.black)
    legal = legal_moves(own, opponent, size=size) & square_bits(moves) != 0
    problems = [
        f"{source}: {places[row]}: {_name(int(moves[row]), size)} is not legal; "
        "the move is left out"
        for row in np.flatnonzero(~legal & (moves >= 0)).tolist()
    ]
    known["moves"] = np.where(legal, moves, NO_MOVE)[:, None]
    games = Games.of_boards(*starts, size=size, source=source, **known)
    return GameFile(games, tuple(problems))


def padded(games: Sequence[Sequence[int]], size: int) -> NDArray[np.int8]:
    """Return lists of moves as a table of shape (G, M), filled up with `NO_MOVE`."""
    # One more move than a game can have is enough to show that it is not legal.
    width = moves_per_game(size) + 1
    table = np.full((len(games), width), NO_MOVE, np.int8)
    for row, moves in zip(table, games, strict=True):
        row[: len(moves)] = moves[:width]
    return table


def _name(square: int, size: int) -> str:
    return repr(square_name(square, size)) if 0 <= square < PASS else "a gap"
