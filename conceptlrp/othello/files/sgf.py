"""SGF: game trees such as ``(;GM[2]SZ[8]PB[Able];B[f5];W[d6](;B[c3])(;B[c4]))``.

The main line of each tree is read, which is the first of every choice. Squares are
written ``e6`` or, column and row from the top left, ``ef``. AB, AW, AE and PL set up
the board that a game begins from.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello import board
from conceptlrp.othello.board import BLACK, PASS, REGION, WHITE
from conceptlrp.othello.files.records import Record, keep, score_in, text_of, year_in
from conceptlrp.othello.games import GameFile
from conceptlrp.othello.position import Position, parse_square

Properties = list[tuple[str, str]]
#: A bracket that is not closed ends with the text, so that no text is read twice.
_TOKEN: Final = re.compile(
    r"(?P<tree>[()]+)|(?P<key>[A-Za-z]+)|\[(?P<value>(?:[^\]\\]+|\\.)*+)\]?", re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LETTERS: Final = "abcdefgh"
_PASSES: Final = ("", "tt", "pass", "pa", "ps", "--")


def looks_like(data: bytes) -> bool:
    """Tell whether a file begins with a game tree of Othello, or of no named game."""
    head = data[:4000].lstrip(b"\xef\xbb\xbf \t\r\n")
    game = re.search(rb"GM\[\s*(\w*)", head)
    return head[:1] == b"(" and b"(;" in head and (game is None or game[1] == b"2")


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read the main lines of the game trees of a file."""
    return read_trees(path, data, size, _side, _record)


def read_trees(
    path: Path,
    data: bytes,
    size: int | None,
    side: Callable[[dict[str, str]], int],
    record: Callable[[Properties, int], Record],
) -> GameFile:
    """Read game trees by what tells the side of the board, and what reads a game."""
    games = list(main_lines(text_of(data)))
    if not games:
        msg = f"{path.name}: has no game, such as (;GM[Othello]...;)"
        raise GameFileError(msg)
    sides = (side(dict(game)) for game in games)
    size = size or next((n for n in sides if n in REGION), 8)
    placed = ((f"game {n}", game) for n, game in enumerate(games, start=1))
    return keep(path, size, placed, record)


def main_lines(text: str) -> Iterator[Properties]:
    """Yield the properties of each game tree, in order, down to its first end."""
    found: Properties = []
    key, depth, ended = "", 0, False
    for token in _TOKEN.finditer(text):
        for bracket in token["tree"] or "":
            depth = max(0, depth + (1 if bracket == "(" else -1))
            ended |= bracket == ")"
            if depth == 0 and found:
                yield found
            if depth == 0:
                found, ended = [], False
        # Where a bracket is missing, the game after it must not be lost too.
        if token["key"]:
            key = token["key"].upper()
            if key == "GM" and found and "GM" in dict(found):
                yield found
                found, depth, ended = [], 1, False
        elif token["value"] is not None and depth and not ended:
            found.append((key, _ESCAPED.sub(r"\1", token["value"])))
    if found:
        yield found


def _side(known: dict[str, str]) -> int:
    side = known.get("SZ", "8").partition(":")[0].strip()
    return int(side) if side in ("6", "8", "10") else 0


def _record(properties: Properties, size: int) -> Record:
    known, keys = dict(properties), [key for key, _ in properties]
    begun = min((keys.index(key) for key in "BW" if key in keys), default=len(keys))
    problem = ""
    if known.get("GM", "2").strip() != "2":
        problem = f"is of game {known['GM'][:20]!r}, not of Othello (2)"
    elif _side(known) != size:
        problem = f"has board size {known.get('SZ', '8')[:20]!r}, expected {size}"
    elif not {"AB", "AW", "AE", "PL"}.isdisjoint(keys[begun:]):
        problem = "has discs set up during the game"
    if problem:
        raise NotationError(problem)
    moves, movers = made_moves(properties, size)
    start = _start(properties, size, movers[0] if movers else BLACK)
    score = known.get("RE", "").upper().replace("B+", "+").replace("W+", "-")
    return Record(
        moves,
        known.get("PB", ""),
        known.get("PW", ""),
        known.get("EV", ""),
        year_in(known.get("DT", "")),
        score_in(score, size),
        start=start,
        movers=movers,
    )


def made_moves(properties: Properties, size: int) -> tuple[list[int], list[int]]:
    """Return the moves of a game, without what follows a slash, and who made each."""
    moves, movers = [], []
    for key, value in properties:
        if key in ("B", "W"):
            try:
                moves.append(_square(value.partition("/")[0], size))
            except NotationError as error:
                msg = f"move {len(moves) + 1}: {error}"
                raise NotationError(msg) from error
            movers.append(BLACK if key == "B" else WHITE)
    return moves, movers


def _square(text: str, size: int) -> int:
    name = text.strip().lower()
    if name in _PASSES:
        return PASS
    if len(name) == 2 and set(name) <= set(_LETTERS):
        name = f"{name[0]}{_LETTERS.index(name[1]) + 1}"
    return parse_square(name, size)


def _start(properties: Properties, size: int, first: int) -> Position | None:
    """Return the board that is set up, None where it is the usual start."""
    usual = board.start(size)
    words, seen = [0, 0], False
    for key, value in properties:
        if key not in ("AB", "AW", "AE"):
            continue
        seen = True
        for square in _rectangle(value, size):
            words = [word & ~(1 << square) for word in words]
            if key != "AE":
                words["BW".index(key[1])] |= 1 << square
    player = dict(properties).get("PL", "BW"[first]).strip().upper()[:1]
    mover = WHITE if player in ("W", "2") else BLACK
    black, white = words if seen else usual
    sides = (black, white) if mover == BLACK else (white, black)
    return None if (*sides, mover) == (*usual, BLACK) else Position(*sides, mover, size)


def _rectangle(text: str, size: int) -> list[int]:
    """Return the squares of a point, or of a rectangle ``aa:bb``."""
    corners = [divmod(_square(name, size), 8) for name in text.split(":")[:2]]
    (top, left), (bottom, right) = corners[0], corners[-1]
    ranks, files = range(top, bottom + 1), range(left, right + 1)
    squares = [8 * rank + file for rank in ranks for file in files]
    return [square for square in squares if square < PASS]
