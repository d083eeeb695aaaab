"""GGF: games of servers, ``(;GM[Othello]PB[one]PW[two]RE[+4.000]TY[8]BO[8 ---... *]``.

Alone or several a line, with text between them that is skipped. ``BO`` is the board
that a game begins from, with ``*`` for black; passes are written in the moves
``B[d3//0.1]W[pa]``. A type ``s8r18`` is a pair of games from one random board; games of
a type with an ``a``, in which the fewest discs win, are left out.
"""

import re
from pathlib import Path

from conceptlrp.errors import NotationError
from conceptlrp.othello.files.records import Record, score_in, year_in
from conceptlrp.othello.files.sgf import Properties, made_moves, read_trees
from conceptlrp.othello.games import GameFile
from conceptlrp.othello.position import Position


def looks_like(data: bytes) -> bool:
    """Tell whether there is a game of Othello in GGF at the beginning of a file."""
    head = data[: 1 << 16]
    return re.search(rb"GM\[\s*othello", head, re.IGNORECASE) is not None


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read a GGF file.

    A recorded score is kept where a game was played to its end; games that ended by
    resignation, time or agreement have none.
    """
    return read_trees(path, data, size, _side, _record)


def _side(known: dict[str, str]) -> int:
    """Return the side of the board that a game tells, 0 for none or one not read."""
    side = re.match(r"\s*s?(\d*)", known.get("BO", known.get("TY", "")))
    return int(side[1]) if side and side[1] in ("6", "8") else 0


def _record(properties: Properties, size: int) -> Record:
    known = dict(properties)
    start = _start(known, size)
    moves, movers = made_moves(properties, size)
    # The margin of a game with komi is not the one of the discs.
    margin = "" if "k" in known.get("TY", "").lower() else known.get("RE", "")
    return Record(
        moves,
        known.get("PB", ""),
        known.get("PW", ""),
        year=year_in(known.get("DT", "")),
        score=score_in(margin, size),
        start=start,
        movers=movers,
    )


def _start(known: dict[str, str], size: int) -> Position | None:
    """Return the board that a game begins from, None for the usual start."""
    side, _, squares = known.get("BO", "").strip().partition(" ")
    squares = "".join(squares.split())
    reason = ""
    if known.get("GM", "Othello").strip().lower() != "othello":
        reason = f"is of {known['GM'][:20]!r}, not of Othello"
    elif "a" in known.get("TY", "").lower():
        reason = f"is of type {known['TY'][:20]!r}, in which the fewest discs win"
    elif "BO" not in known and (_side(known) == size or "TY" not in known):
        return None
    elif side != str(size):
        reason = f"has board size {side[:20]!r}, expected {size}"
    elif len(squares) != size * size + 1:
        reason = "has a board that cannot be read"
    if reason:
        raise NotationError(reason)
    found = Position.from_obf(f"{squares[:-1]} {squares[-1:]}")
    return None if found == Position.start(size) else found
