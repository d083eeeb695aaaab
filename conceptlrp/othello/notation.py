"""Positions as text: lines of squares, FEN and diagrams.

A line has the squares a1, b1, ... h8 (36 of them on the 6 x 6 board) and the side to
move; what may follow are numbers, the last of which is a score, and after semicolons
moves with their scores, for the side to move: ``... X; d6:+4; c3:-2;`` (OBF). A FEN
has ``p`` or ``x`` for black, ``P`` or ``o`` for white, and ranks from the *last* to the
first, as Edax writes it. A diagram has a line a rank, with or without coordinates, and
tells the side to move in words, ``X to move``.
"""

import re
from collections.abc import Iterable, Iterator
from math import isnan
from typing import Final, NamedTuple

import numpy as np

from conceptlrp.errors import NotationError
from conceptlrp.othello.board import BLACK, WHITE, from_boards

_GLYPHS: Final = dict.fromkeys("xX*bB●⚫", "X") | dict.fromkeys("oOwW○⚪", "O")
_EMPTY: Final = dict.fromkeys("-._·", "-")
# Training data of engines: 0 is black there, and 1 white.
_PLAIN: Final = str.maketrans(_GLYPHS | _EMPTY | {"0": "X", "1": "O"})
_MEN: Final = {"p": "X", "x": "X", "X": "X", "*": "X", "P": "O", "o": "O", "O": "O"}
_SIZES: Final = {36: 6, 64: 8}
_SIDES: Final = _GLYPHS | {"black": "X", "white": "O"}
_SWAPPED: Final = str.maketrans("XO", "OX")
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}(\.\d{1,8})?")
_SIDE: Final = r"(black|white|[xob*w●○⚫⚪])"
_TO_MOVE: Final = re.compile(
    rf"(?<![^\W\d])(?:{_SIDE}(?:'s turn|,? to (?:move|play))"
    rf"|(?:to move|to play|turn|mover|side|player) ?[:=]? ?{_SIDE}"
    r"|turn +\d+ +player +(-?1))(?!\w)",
    re.IGNORECASE,
)


class Entry(NamedTuple):
    """A position as it was written: squares as X, O and -, and what was said of it.

    ``mover`` is None where no side to move is named. ``moves`` are names of squares
    with their scores for the side to move, NaN where none is told.
    """

    squares: str
    mover: int | None
    moves: tuple[tuple[str, float], ...] = ()
    score: float = float("nan")

    @property
    def size(self) -> int:
        """The side of the board."""
        return _SIZES[len(self.squares)]

    def sides(self) -> tuple[int, int, int, int]:
        """Return own and opponent's discs as bitboards, the mover and the size."""
        if self.mover is None:
            msg = f"'{self.squares}' has no side to move; add X or O, or 'X to move'"
            raise NotationError(msg)
        cells = np.array(list(self.squares)).reshape(1, self.size, self.size)
        black, white = (int(from_boards(cells == glyph)[0]) for glyph in "XO")
        sides = (black, white) if self.mover == BLACK else (white, black)
        return *sides, self.mover, self.size


def parse_position(text: str) -> Entry | None:
    """Read the one position that a text holds, in any form; None if it holds none."""
    lines = text.splitlines()
    # So many squares are meant as a board, and not as passes, be they too few.
    words = text[:200].split()
    meant = bool(words) and len(words[0]) > 20 and _plain(words[0]) != ""
    if meant or is_entry(next((line for line in lines if line.strip()), "")):
        return parse_entry(text)
    found = [entry for _, entry in diagrams(enumerate(lines, start=1))]
    wrong = [entry for entry in found if isinstance(entry, str)]
    if wrong or len(found) > 1:
        msg = f"expected one position, found {wrong[0] if wrong else len(found)}"
        raise NotationError(msg)
    return next((entry for entry in found if isinstance(entry, Entry)), None)


def is_entry(line: str) -> bool:
    """Tell whether a line begins as a position of one line does."""
    words = line[:200].split()
    if words and words[0].count("/") in (5, 7):
        return set(words[0]) <= set("pPxXoO*12345678/")
    return _squares(words)[0] != ""


def parse_entry(line: str) -> Entry:
    """Read a line of squares or a FEN; other text raises `NotationError`."""
    text, *fields = line.partition("%")[0].split(";")
    words = text.split()
    if words and "/" in words[0]:
        squares, rest = _fen(words[0]), words[1:2]
    else:
        squares, rest = _squares(words)
    if not squares:
        msg = (
            f"{line.strip()[:80]!r} is not a position: expected 64 (or 36) squares of "
            "X, O and -, and X or O for the side to move"
        )
        raise NotationError(msg)
    mover, rest = _mover(rest, of_digits=not set("01").isdisjoint(words[0]))
    if wrong := [word for word in rest if not _NUMBER.fullmatch(word)]:
        msg = f"{wrong[0][:40]!r} is neither a side to move nor a score"
        raise NotationError(msg)
    scores = [float(word) for word in rest[-1:]]
    moves = []
    for field in filter(None, map(str.strip, fields)):
        move, colon, score = field.partition(":")
        if not colon and _NUMBER.fullmatch(field):
            scores.append(float(field))
            continue
        moves.append((move.strip(), _score(score.strip()) if colon else float("nan")))
    scores += [score for _, score in moves if not isnan(score)]
    return Entry(squares, mover, tuple(moves), max(scores, default=float("nan")))


def diagrams(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Entry | str]]:
    """Yield the diagrams in numbered lines, or what is wrong with one, by first line.

    Other lines are skipped, but for those that name the side to move: that of the
    diagram above them or, where that is known already, of the next one.
    """
    ranks: list[str] = []
    first, base, mover, coming, skipping = 0, 1, None, None, False
    for number, line in lines:
        rank, label, tail = _rank(line)
        side = _side(tail)
        width = len(ranks[0]) if ranks else 0
        complete = bool(ranks) and len(ranks) == width
        fits = len(rank) == width and not complete
        follows = fits and label in (None, base + len(ranks)) and bool(rank)
        apart = not line.strip() or (side is not None and not rank)
        if ranks and ((rank and not follows) or (apart and not complete)):
            yield first, _diagram(ranks, mover, base)
            ranks, mover, skipping = [], None, not complete
        if follows:
            ranks.append(rank)
        elif rank and label in (None, 0, 1):
            ranks, first, base, skipping = [rank], number, int(label != 0), False
            mover, coming = coming, None
        elif rank and not skipping:
            yield number, f"a diagram that begins with rank {label}"
            skipping = True
        if side is not None and ranks and mover is None:
            mover = side
        elif side is not None:
            coming = side
    if ranks:
        yield first, _diagram(ranks, mover, base)


def _diagram(ranks: list[str], mover: int | None, base: int) -> Entry | str:
    squares = "".join(ranks)
    if len(ranks) != len(ranks[0]):
        return f"a diagram of {len(ranks)} ranks of {len(ranks[0])} squares"
    # alpha-zero-general numbers ranks from 0 and draws its first player, black, as O.
    return Entry(squares if base else squares.translate(_SWAPPED), mover)


def _rank(line: str) -> tuple[str, int | None, str]:
    """Return the squares of a line of a diagram, its number, and the text behind it."""
    words = line[:200].replace("|", " ").split()
    label = None
    if len(words) > 1 and words[0] in tuple("012345678"):
        label = int(words.pop(0))
    cells, used = "", 0
    for word in words:
        if not all(c in _GLYPHS or c in _EMPTY for c in word):
            break
        cells, used = cells + word, used + 1
        if len(cells) >= 8:
            break
    if len(cells) not in (6, 8):
        return "", None, line[:200]
    return cells.translate(_PLAIN), label, " ".join(words[used:])


def _side(text: str) -> int | None:
    found = _TO_MOVE.search(text[:200])
    if found and found[3]:
        return BLACK if found[3] == "1" else WHITE
    name = found[1] or found[2] if found else text.strip()
    glyph = _SIDES.get(name.lower())
    return None if glyph is None else "XO".index(glyph)


def _squares(words: list[str]) -> tuple[str, list[str]]:
    """Return the squares that words begin with, whole or a rank each, and the rest."""
    if words and words[0] in ("6", "8"):
        words = words[1:]
    whole = bool(words) and len(words[0]) in _SIZES
    count = 1 if whole else len(words[0]) if words else 0
    ranks = words[:count]
    if whole or (len(ranks) in (6, 8) and {len(rank) for rank in ranks} == {count}):
        return _plain("".join(ranks)), words[count:]
    return "", words


def _plain(squares: str) -> str:
    """Return squares as X, O and -, or nothing where they are none."""
    plain = squares.translate(_PLAIN)
    return plain if set(plain) <= set("XO-") else ""


def _fen(board: str) -> str:
    ranks = [
        "".join("-" * int(c) if c in "12345678" else _MEN.get(c, "?") for c in rank)
        for rank in board[:100].split("/")
    ]
    squares = "".join(reversed(ranks))
    if len(ranks) not in (6, 8) or {len(rank) for rank in ranks} != {len(ranks)}:
        msg = f"FEN {board[:80]!r} has no {len(ranks)} ranks of {len(ranks)} squares"
        raise NotationError(msg)
    if "?" in squares:
        msg = f"FEN {board[:80]!r} has other men than p or x (black), P or o (white)"
        raise NotationError(msg)
    return squares


def _mover(rest: list[str], *, of_digits: bool) -> tuple[int | None, list[str]]:
    if of_digits and len(rest) > 1 and rest[0] in ("0", "1"):
        return int(rest[0]), rest[1:]
    glyph = _SIDES.get(rest[0].lower()) if rest else None
    return (None, rest) if glyph is None else ("XO".index(glyph), rest[1:])


def _score(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        msg = f"{text[:40]!r} is no score"
        raise NotationError(msg)
    return float(text)
