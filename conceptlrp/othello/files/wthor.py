"""WTHOR files: the game database of the French Othello federation.

A file ``WTH_2004.wtb`` holds the games of a year: a header of 16 bytes, then 68
bytes a game (tournament, black, white, score, theoretical score, 60 moves). The
names stand in WTHOR.JOU (players) and WTHOR.TRN (tournaments) beside it. All
numbers are little endian, all text is ISO-8859-1. Passes are not recorded, and a
score gives the empty squares to the winner. Messages count games and moves from 1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import NO_MOVE
from conceptlrp.othello.files.legal_games import keep_legal, left_out
from conceptlrp.othello.files.records import agreed_size
from conceptlrp.othello.games import GameFile, read_bytes

_HEADER: Final = np.dtype(
    [
        ("date", "u1", 4),
        ("games", "<u4"),
        ("names", "<u2"),
        ("year", "<u2"),
        ("board", "u1"),
        ("kind", "u1"),
        ("depth", "u1"),
        ("reserved", "u1"),
    ]
)
_RECORD: Final = np.dtype(
    [
        ("tournament", "<u2"),
        ("black", "<u2"),
        ("white", "<u2"),
        ("score", "u1"),
        ("theoretical", "u1"),
        ("moves", "u1", 60),
    ]
)
_NAME_WIDTHS: Final = (20, 26)
#: A later one is a mistake.
LATEST_YEAR: Final = 2999
#: The reader says what is wrong with the others of this family.
SUFFIXES: Final = (".wtb", ".wtd", ".pzz", ".jou", ".trn")
_WRONG: Final = -2


def looks_like(data: bytes) -> bool:
    """Tell whether a header counts the games that follow it."""
    header = np.frombuffer(data[: _HEADER.itemsize].ljust(_HEADER.itemsize), _HEADER)[0]
    length = _HEADER.itemsize + _RECORD.itemsize * int(header["games"])
    return len(data) == length and header["board"] in (0, 8)


def read(path: Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read the games of a WTHOR file of 8 x 8 games.

    Names come from WTHOR.JOU and WTHOR.TRN beside the file, in any case of letters.
    Without a name, a number such as ``#123`` stands for it. Source: Fédération
    Française d'Othello, "Format de la base WTHOR".
    """
    agreed_size(path.name, 8, size)
    records, year = _records(data, path.name)
    raw = records["moves"]
    moves = _squares(raw)
    damaged = moves == _WRONG
    good = np.flatnonzero(~damaged.any(axis=1))
    records = records[good]
    people, events = (_names_beside(path, f"WTHOR.{end}") for end in ("JOU", "TRN"))
    read = keep_legal(
        moves[good],
        [f"game {number + 1}" for number in good.tolist()],
        source=path.name,
        index=good,
        black=_names_of(records["black"], people),
        white=_names_of(records["white"], people),
        tournament=_names_of(records["tournament"], events),
        year=year,
        recorded_score=_scores(records["score"]),
        theoretical_score=_scores(records["theoretical"]),
    )
    problems = [
        left_out(
            path.name,
            f"game {game + 1}",
            f"move {move + 1}: {raw[game, move]} is the number of no square",
        )
        for game, move in enumerate(damaged.argmax(axis=1).tolist())
        if damaged[game, move]
    ]
    return GameFile(read.games, (*problems, *read.problems), read.notes)


def read_names(path: str | Path) -> tuple[str, ...]:
    """Read the names of players (WTHOR.JOU) or tournaments (WTHOR.TRN).

    Games refer to a name by its place, the first being 0.
    """
    path = Path(path)
    content = read_bytes(path)
    header = _header(content, path.name)
    body, count = content[_HEADER.itemsize :], int(header["names"])
    widths = [width for width in _NAME_WIDTHS if len(body) == width * count]
    if header["games"] or not (widths or (not body and not count)):
        msg = (
            f"{path.name}: {len(body)} bytes of names, but the header tells of "
            f"{count} names of 20 bytes (players) or 26 (tournaments)"
        )
        raise GameFileError(msg)
    width = widths[0] if widths else 1
    return tuple(_text(body[i : i + width]) for i in range(0, len(body), width))


def _header(content: bytes, name: str) -> np.void:
    if len(content) < _HEADER.itemsize:
        msg = f"{name}: {len(content)} bytes, expected a WTHOR header of 16 bytes"
        raise GameFileError(msg)
    first = content[: _HEADER.itemsize]
    if all(byte >= 32 or byte in b"\t\r\n" for byte in first):
        begin = _text(first)
        msg = (
            f"{name}: is text that begins with {begin!r}, expected a binary WTHOR "
            "file; transcripts are read from files named .txt"
        )
        raise GameFileError(msg)
    header: np.void = np.frombuffer(first, _HEADER)[0]
    return header


def _records(content: bytes, name: str) -> tuple[NDArray[Any], int]:
    """Return the records of a file of games and the year they were played in."""
    header = _header(content, name)
    _refuse_other_games(header, name)
    count = int(header["games"])
    expected, found = _HEADER.itemsize + _RECORD.itemsize * count, len(content)
    if found != expected:
        what = "is truncated" if found < expected else "has bytes too many"
        msg = (
            f"{name}: {what}: the header tells of {count} games, "
            f"expected {expected} bytes, found {found}"
        )
        raise GameFileError(msg)
    year = int(header["year"])
    if year > LATEST_YEAR:
        msg = f"{name}: the header (byte 10) has year {year}"
        raise GameFileError(msg)
    return np.frombuffer(content, _RECORD, offset=_HEADER.itemsize), year


def _refuse_other_games(header: np.void, name: str) -> None:
    if header["kind"] == 1 or name.lower().endswith(".pzz"):
        reason = "holds solitaires (puzzles), not games"
    elif header["board"] == 10 or name.lower().endswith(".wtd"):
        reason = "holds games on the 10 x 10 board, expected 8 x 8"
    elif header["board"] not in (0, 8):
        reason = f"the header (byte 12) has board size {header['board']}, expected 8"
    elif not header["games"] and header["names"]:
        reason = "holds names, not games; pass the .wtb files"
    else:
        return
    msg = f"{name}: {reason}"
    raise GameFileError(msg)


def _squares(moves: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Turn move bytes, 10 * rank + file, into squares, `_WRONG` for what is none."""
    table = np.full(256, _WRONG, np.int8)
    table[0] = NO_MOVE
    ranks, files = np.mgrid[1:9, 1:9]
    table[10 * ranks + files] = np.arange(64).reshape(8, 8)
    squares: NDArray[np.int8] = table[moves]
    return squares


def _scores(scores: NDArray[np.uint8]) -> NDArray[np.int8]:
    return np.where(scores <= 64, scores, 255).astype(np.uint8).view(np.int8)


def _names_beside(path: Path, file: str) -> Sequence[str]:
    try:
        found = sorted(p for p in path.parent.iterdir() if p.name.upper() == file)
    except OSError:
        # A file can be read in a folder that cannot be listed.
        found = []
    return read_names(found[0]) if found else ()


def _names_of(numbers: NDArray[np.uint16], names: Sequence[str]) -> NDArray[np.str_]:
    unique, place = np.unique(numbers, return_inverse=True)
    known = [names[n] if n < len(names) else f"#{n}" for n in unique]
    return np.array(known, np.str_)[place] if known else np.empty(0, np.str_)


def _text(content: bytes) -> str:
    text = content.split(b"\0")[0].decode("iso-8859-1")
    return "".join(c if c.isprintable() else " " for c in text).strip()
