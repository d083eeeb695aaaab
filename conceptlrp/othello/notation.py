"""Names of squares and transcripts, as Othello players write them.

Files a to h run from left to right, ranks 1 to 8 from top to bottom. A transcript
is the moves in order, ``f5d6c3``; a side that cannot move is passed over, so
passes are not written, and are dropped where a file has them.
"""

import re
from collections.abc import Iterable
from typing import Final

from conceptlrp.errors import NotationError, check_type
from conceptlrp.othello.board import PASS, region_of

_FILES: Final = "abcdefgh"
_SQUARE: Final = re.compile(r"[a-h][1-8]", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"(?P<skip>\s+|\d+\s*\.+|pass|pa|ps|--)|(?P<square>[a-h][1-8])|(?P<wrong>\S\S?)",
    re.IGNORECASE,
)
_PASSES: Final = ("pa", "pass", "ps", "--")


def square_name(square: int, size: int = 8) -> str:
    """Return the name of a square, or ``pa`` for a pass.

    Parameters
    ----------
    square : int
        A square of the 8 x 8 word, or `PASS`.
    size : int
        Side of the board, 8 or 6. On the smaller one, names start at its own
        corner: bit 9 is a1.

    Returns
    -------
    str
        A file and a rank; a number that is no square raises `NotationError`.

    Examples
    --------
    >>> square_name(19), square_name(9, size=6), square_name(64)
    ('d3', 'a1', 'pa')
    """
    if square == PASS:
        return "pa"
    if not 0 <= square < PASS or not region_of(size) >> int(square) & 1:
        msg = f"{square!r} is no square of the {size} x {size} board, nor a pass"
        raise NotationError(msg)
    rank, file = divmod(int(square), 8)
    margin = (8 - size) // 2
    return f"{_FILES[file - margin]}{rank - margin + 1}"


def parse_square(text: str, size: int = 8) -> int:
    """Return the square of a name, or `PASS` for ``pa``, ``pass``, ``ps``, ``--``.

    Parameters
    ----------
    text, size : str, int
        The name, in small or capital letters, and the side of the board.

    Returns
    -------
    int
        A square of the 8 x 8 word, or `PASS`; other text raises `NotationError`.

    Examples
    --------
    >>> parse_square("D3"), parse_square("a1", size=6), parse_square("pa")
    (19, 9, 64)
    """
    check_type(text, str, "square", "text")
    name = text.strip().lower()
    if name in _PASSES:
        return PASS
    square = _square_of(name, size) if _SQUARE.fullmatch(name) else None
    if square is None:
        raise NotationError(_no_square(text, size))
    return square


def transcript_text(moves: Iterable[int], size: int = 8) -> str:
    """Write moves one after the other, leaving out passes and empty entries.

    Parameters
    ----------
    moves, size : iterable of int, int
        Squares, `PASS` and `NO_MOVE`, and the side of the board.

    Returns
    -------
    str
        A transcript.

    Examples
    --------
    >>> transcript_text([37, 43, 18])
    'f5d6c3'
    """
    return "".join(square_name(int(m), size) for m in moves if 0 <= int(m) < PASS)


def parse_transcript(
    text: str, size: int = 8, *, line: int = 1, column: int = 1
) -> list[int]:
    """Read the moves of a transcript, which are not checked against the rules.

    Parameters
    ----------
    text : str
        Squares in small or capital letters. Blanks, line ends and move numbers
        (``1.``) may stand between them; passes (``pa``, ``pass``, ``ps``, ``--``)
        are dropped.
    size : int
        Side of the board, 8 or 6.
    line, column : int
        Where the text begins in its file, for the message of an error.

    Returns
    -------
    list of int
        Squares of the 8 x 8 word; what else stands in the text raises
        `NotationError`, whose message has its line and column.

    Examples
    --------
    >>> parse_transcript("1. F5 d6 2. C3")
    [37, 43, 18]
    """
    moves = []
    check_type(text, str, "transcript", "text")
    for token in _TOKEN.finditer(text):
        if token["skip"]:
            continue
        square = _square_of(token["square"].lower(), size) if token["square"] else None
        if square is None:
            place = _place(text[: token.start()], line, column)
            msg = f"{place}: {_no_square(token.group(), size)}"
            raise NotationError(msg)
        moves.append(square)
    return moves


def _square_of(name: str, size: int) -> int | None:
    """Return the square of a file and a rank, None beyond the edge."""
    region_of(size)
    file, rank = _FILES.index(name[0]), int(name[1]) - 1
    margin = (8 - size) // 2
    return 8 * (rank + margin) + file + margin if max(file, rank) < size else None


def _no_square(text: str, size: int) -> str:
    last = f"{_FILES[size - 1]}{size}"
    return f"{text!r} is not a square (a1 to {last}, or pa for a pass)"


def _place(before: str, line: int, column: int) -> str:
    """Say where the text that follows ``before`` stands."""
    lines = before.split("\n")
    first = column if len(lines) == 1 else 1
    return f"line {line + len(lines) - 1}, column {first + len(lines[-1])}"
