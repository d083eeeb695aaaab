"""Numbers for squares, as for OthelloGPT: a game a line, lists in JSON, or ``.npy``.

Squares are counted from 0 along the ranks, so that h1 is 7 and a2 is 8. Some files
count only the squares that are empty at the start, from 0 or from 1: the first of the
three ways in which most of the games are legal is taken, and a note says which. Numbers
that are no square, such as -1, stand for no move.
"""

import re
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello.board import PASS, region_of, squares, start
from conceptlrp.othello.files.legal_games import padded
from conceptlrp.othello.files.records import Record, first_lines, keep, placed_lines
from conceptlrp.othello.games import GameFile, judge

_LINE: Final = re.compile(r"[\s\[]*-?\d{1,3}(?:[\s,;]+-?\d{1,3}){2,}[\s,;\]]*")
_LISTS: Final = re.compile(rb"\s*\[[\s\[]*-?\d{1,3}\s*[,\]]")
_BLANKS: Final = str.maketrans(",;[]", "    ")
_NPY: Final = b"\x93NUMPY"
_SAMPLE: Final = 100
_WAYS: Final = (
    "all squares",
    "the squares that are empty at the start, from 0",
    "the squares that are empty at the start, from 1",
)


def looks_like(data: bytes) -> bool:
    """Tell whether a line is of numbers alone, or a file has lists or is an array."""
    if data.startswith(_NPY) or _LISTS.match(data[:1000]):
        return True
    return any(_LINE.fullmatch(line) for line in first_lines(data))


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read games whose moves are numbers."""
    size = size or 8
    games = _rows(path) if data.startswith(_NPY) else _lists(data)
    legal = [_legal(games[:_SAMPLE], way, size) for way in range(len(_WAYS))]
    way = int(np.argmax(legal))
    note = f"{path.name}: the numbers count {_WAYS[way]}"
    return keep(path, size, games, partial(_record, way), notes=[note] * (way > 0))


def _lists(data: bytes) -> list[tuple[str, list[str]]]:
    """Split a text into the numbers of each line, or of each list in brackets."""
    split = list(placed_lines(data))
    text = "\n".join(line for _, line in split)
    if "[" in text:
        inner = filter(str.strip, (part.partition("]")[0] for part in text.split("[")))
        split = [(f"game {n}", part) for n, part in enumerate(inner, start=1)]
    return [(place, part.translate(_BLANKS).split()) for place, part in split]


def _rows(path: Path) -> list[tuple[str, list[str]]]:
    """Return the rows of an array on disk; its size is checked by mapping it."""
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    # A damaged header raises what the parser of Python does.
    except Exception as error:
        msg = f"{path.name}: is no array of numbers: {error}"
        raise GameFileError(msg) from error
    table = table[None] if table.ndim == 1 else table
    if table.ndim != 2 or table.dtype.kind not in "iu":
        found = f"{table.dtype} of shape {table.shape}"
        msg = f"{path.name}: is {found}, expected moves of shape (G, M)"
        raise GameFileError(msg)
    rows = table[:, : PASS + 1].tolist()
    return [(f"game {n}", list(map(str, row))) for n, row in enumerate(rows, start=1)]


def _record(way: int, numbers: list[str], size: int) -> Record:
    known = _squares(way, size)
    try:
        return Record([known[number] for number in numbers])
    except KeyError as error:
        msg = f"{error.args[0][:20]!r} is not the number of a square"
        raise NotationError(msg) from error


def _legal(games: list[tuple[str, list[str]]], way: int, size: int) -> int:
    """Count the games that are legal where numbers are taken in one way."""
    known = _squares(way, size)
    read = [row for _, row in games if row and known.keys() >= {*row}]
    moves = [[known[n] for n in row if known[n] != PASS] for row in read]
    return int((judge(padded(moves, size), size=size)[1] < 0).sum())


@cache
def _squares(way: int, size: int) -> dict[str, int]:
    """Return the square of each number; `PASS` for those that stand for no move."""
    region = region_of(size)
    if way:
        region &= ~(start(size)[0] | start(size)[1])
    named = {str(n + (way == 2)): s for n, s in enumerate(squares(region))}
    return {str(n): PASS for n in (-100, -1, 0, size * size)} | named
