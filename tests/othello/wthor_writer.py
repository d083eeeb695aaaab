"""Small WTHOR files for tests: those of the federation cannot be shipped."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path


def wthor_header(
    *, games: int = 0, names: int = 0, year: int = 1999, board: int = 8, kind: int = 0
) -> bytes:
    return struct.pack("<4BIHH4B", 20, 4, 5, 6, games, names, year, board, kind, 24, 0)


def wthor_record(
    moves: Sequence[int],
    *,
    black: int = 0,
    white: int = 1,
    tournament: int = 0,
    score: int = 32,
    theoretical: int = 32,
) -> bytes:
    """Pack a game of squares; `raw_record` takes the bytes of moves as they are."""
    played = [10 * (square // 8 + 1) + square % 8 + 1 for square in moves]
    return raw_record(
        bytes(played),
        black=black,
        white=white,
        tournament=tournament,
        score=score,
        theoretical=theoretical,
    )


def raw_record(
    moves: bytes,
    *,
    black: int = 0,
    white: int = 1,
    tournament: int = 0,
    score: int = 32,
    theoretical: int = 32,
) -> bytes:
    known = struct.pack("<3H2B", tournament, black, white, score, theoretical)
    return known + moves.ljust(60, b"\0")


def write_wthor(path: Path, records: Sequence[bytes], *, year: int = 1999) -> Path:
    content = wthor_header(games=len(records), year=year) + b"".join(records)
    path.write_bytes(content)
    return path


def write_names(path: Path, names: Iterable[str], *, width: int) -> Path:
    packed = [name.encode("iso-8859-1").ljust(width, b"\0") for name in names]
    path.write_bytes(wthor_header(names=len(packed), year=0) + b"".join(packed))
    return path
