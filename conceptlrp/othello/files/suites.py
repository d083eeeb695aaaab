"""Suites of positions without games: a position a line, or diagrams.

``conceptlrp.othello.notation`` has the forms. Each position is a game of its own, which
begins there: its move is the best one that the file gives, and its score is taken for
the result under perfect play. Lines that begin with ``%`` or ``#`` are comments.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError, NotationError
from conceptlrp.othello.board import BLACK, NO_MOVE, PASS, from_boards
from conceptlrp.othello.files.legal_games import keep_boards
from conceptlrp.othello.files.records import LONGEST_GAME, numbered_lines
from conceptlrp.othello.games import GameFile
from conceptlrp.othello.notation import Entry, diagrams, is_entry, parse_entry
from conceptlrp.othello.position import parse_square
from conceptlrp.othello.replay import Starts

_HEAD: Final = 1 << 16


def looks_like(data: bytes) -> bool:
    """Tell whether a file begins with positions, as lines or as a diagram."""
    lines = list(numbered_lines(data[:_HEAD], "#%"))
    if any(is_entry(line) for _, line in lines[:20]):
        return True
    return any(isinstance(found, Entry) for _, found in diagrams(lines))


def read(path: str | Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read a suite; what is no position is left out, with a line that says why."""
    lines, name = list(numbered_lines(data, "#%")), Path(path).name
    by_line = any(is_entry(line) for _, line in lines)
    found = _entries(lines) if by_line else diagrams(lines)
    rows, problems = [], []
    for place, (number, entry) in enumerate(found):
        try:
            checked = _checked(entry, size, scored=by_line)
            rows.append((checked, _best_move(checked), f"line {number}", place))
        except NotationError as error:
            problems.append(f"{name}: line {number}: {error}; it is left out")
        else:
            size = checked.size
    if size is None or not rows:
        msg = f"{name}: has no position; {problems[0] if problems else 'it is empty'}"
        raise GameFileError(msg)
    entries, moves, places, index = zip(*rows, strict=True)
    read = _game_file(entries, np.array(moves, np.int8), places, index, name)
    return replace(read, problems=(*problems, *read.problems))


def _entries(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Entry | str]]:
    for number, line in lines:
        if not line.strip():
            continue
        if len(line) > LONGEST_GAME:
            yield number, f"is longer than {LONGEST_GAME} characters"
            continue
        try:
            yield number, parse_entry(line)
        except NotationError as error:
            yield number, str(error)


def _checked(found: Entry | str, size: int | None, *, scored: bool) -> Entry:
    """Refuse a position that does not belong to a suite of a board size."""
    if isinstance(found, str):
        raise NotationError(found)
    side, score = found.size, found.score
    if size not in (None, side):
        msg = f"a board of {side} x {side} squares, expected {size} x {size}"
        raise NotationError(msg)
    # Training data of engines has no colours: X is the side to move.
    if found.mover is None and not (scored and not isnan(score)):
        msg = "names no side to move"
        raise NotationError(msg)
    if abs(score) > side * side:
        msg = f"score {score:+g} is more than {side * side} discs"
        raise NotationError(msg)
    return found


def _best_move(entry: Entry) -> int:
    """Return the first move of the best score, `NO_MOVE` for none or a pass."""
    best = [move for move, score in entry.moves if score == entry.score]
    best = best or [move for move, score in entry.moves if isnan(score)]
    square = parse_square(best[0], entry.size) if best else NO_MOVE
    return NO_MOVE if square == PASS else square


def _game_file(
    entries: Sequence[Entry],
    moves: NDArray[np.int8],
    places: Sequence[str],
    index: Sequence[int],
    name: str,
) -> GameFile:
    size = entries[0].size
    text = "".join(entry.squares for entry in entries)
    squares = np.frombuffer(text.encode(), "S1").reshape(-1, size, size)
    black, white = (from_boards(squares == glyph) for glyph in (b"X", b"O"))
    named = [entry.mover is not None for entry in entries]
    mover = np.array([entry.mover or BLACK for entry in entries], np.uint8)
    margin = np.array([entry.score for entry in entries])
    theoretical = _black_discs(margin, mover, size)
    read = keep_boards(
        Starts(black, white, mover),
        moves,
        places,
        source=name,
        size=size,
        index=index,
        theoretical_score=theoretical,
    )
    remarks = {
        "no side to move is named, X is taken for it": len(named) - sum(named),
        "the score is odd and not kept": int(
            (~np.isnan(margin) & (theoretical < 0)).sum()
        ),
    }
    notes = [
        f"{name}: {remark} in {n:,} of {len(named):,} positions"
        for remark, n in remarks.items()
        if n
    ]
    return replace(read, notes=tuple(notes))


def _black_discs(
    margin: NDArray[np.float64], mover: NDArray[np.uint8], size: int
) -> NDArray[np.int8]:
    """Return black's discs, the winner being given the empty squares; -1 unknown."""
    whole = np.nan_to_num(margin, nan=1) % 2 == 0
    black = np.where(mover == BLACK, margin, -margin)
    discs = (size * size + np.where(whole, black, 0)) // 2
    return np.where(whole, discs, -1).astype(np.int8)
