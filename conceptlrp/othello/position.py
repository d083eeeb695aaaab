"""One position, and how people write it, its squares and the moves that led there.

Files a to h run from left to right, ranks 1 to 8 from top to bottom. A transcript
is the moves in order, ``f5d6c3``; a side that cannot move is passed over, so
passes are not written, and are dropped where a file has them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing import board_svg
from conceptlrp.errors import IllegalMoveError, NotationError, check_type
from conceptlrp.othello import board
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    REGION,
    WHITE,
    from_boards,
    given_boards,
    region_of,
)
from conceptlrp.othello.notation import parse_entry, parse_position
from conceptlrp.othello.symmetry import symmetry_from_words, turn, turn_squares


@dataclass(frozen=True, repr=False)
class Position:
    """A board with the side to move.

    Attributes
    ----------
    own, opponent : int
        Discs of the side to move and of the other side, as bitboards.
    mover, size : int
        `BLACK` or `WHITE`, and the side of the board, 8 or 6.
    last : int
        The square that was played last, `NO_MOVE` when unknown; a pass leaves it.
    """

    own: int
    opponent: int
    mover: int = BLACK
    size: int = 8
    last: int = NO_MOVE

    def __post_init__(self) -> None:
        for name in ("own", "opponent", "mover", "size", "last"):
            # numpy scalars would overflow where Python integers do not.
            object.__setattr__(self, name, int(getattr(self, name)))
        outside = (self.own | self.opponent) & ~board.region_of(self.size)
        if self.own & self.opponent or outside:
            msg = "discs overlap" if not outside else "discs lie outside the board"
            raise ValueError(msg)
        if self.mover not in (BLACK, WHITE):
            msg = f"mover is {self.mover}, expected 0 (black) or 1 (white)"
            raise ValueError(msg)
        if not NO_MOVE <= self.last < PASS:
            msg = f"last move is {self.last}, expected a square 0..63 or -1"
            raise ValueError(msg)

    @classmethod
    def start(cls, size: int = 8) -> "Position":
        """Return the start position, black to move."""
        return cls(*board.start(size), size=size)

    @classmethod
    def from_transcript(
        cls, text: str, size: int = 8, *, symmetry: int = 0
    ) -> "Position":
        """Return the position after the moves of a transcript, turned by a symmetry.

        Sides that cannot move are passed over, after the last move as well; passes may
        be written or left out. Text that is no transcript raises `NotationError`, an
        illegal move `IllegalMoveError`, whose message has its number.

        >>> Position.from_transcript("f5d6c3").obf()
        '------------------X--------XX------OXX-----O-------------------- O'
        """
        position = cls.start(size)
        for number, move in enumerate(parse_transcript(text, size), start=1):
            if not position.legal_word >> move & 1:
                name = square_name(move, size)
                msg = f"move {number} of the transcript: {name!r} is not legal"
                raise IllegalMoveError(msg)
            position = position.play(move)
            if position.must_pass:
                position = position.play(PASS)
        return position.turned(symmetry) if symmetry else position

    @classmethod
    def from_array(cls, board: ArrayLike, *, mover: int = BLACK) -> "Position":
        """Return the position of a board (8, 8) or (6, 6).

        +1 is a disc of the side to move, -1 one of the other side, 0 empty, and row 0
        is rank 1; other shapes and values raise `ValueError`.
        """
        array = given_boards(board)
        if len(array) != 1:
            msg = f"board has shape {array.shape}, expected one board (8, 8) or (6, 6)"
            raise ValueError(msg)
        own, opponent = (from_boards(array == side)[0] for side in (1, -1))
        return cls(own, opponent, mover, array.shape[1])

    @classmethod
    def from_obf(cls, line: str) -> "Position":
        """Read a position of one line, as Edax and other programs write it.

        It has the squares a1, b1, ... h8 (36 of them for a 6 x 6 board) as ``X`` or
        ``*`` for black, ``O`` for white and ``-`` or ``.`` for empty, a blank and the
        side to move. What follows a semicolon is ignored; other text raises
        `NotationError`.
        """
        check_type(line, str, "position", "text")
        return cls(*parse_entry(line.partition(";")[0]).sides())

    @classmethod
    def from_text(cls, text: str, size: int = 8) -> "Position":
        """Read a position in any notation: a line as in `from_obf`, a FEN, a diagram.

        A FEN has ``p`` or ``x`` for black, ``P`` or ``o`` for white, and begins with
        the last rank, as Edax writes it. A diagram is one that `diagram` draws, or of
        another program, and has a line such as ``X to move``. Other text is read as a
        transcript on a board of the given size, and may go on with the words for how it
        is turned: ``f5d6c3 then turned by half``.

        >>> Position.from_text("8/8/8/3ppp2/3Pp3/8/8/8 w").obf()
        '---------------------------OX------XXX-------------------------- O'
        """
        check_type(text, str, "position", "text")
        found = parse_position(text)
        if found is not None:
            return cls(*found.sides())
        moves, turned, words = text.partition(" then ")
        s = symmetry_from_words(words.partition(":")[0].strip()) if turned else 0
        return cls.from_transcript(moves, size, symmetry=s)

    @property
    def black(self) -> int:
        """The black discs, as a bitboard."""
        return self.own if self.mover == BLACK else self.opponent

    @property
    def white(self) -> int:
        """The white discs, as a bitboard."""
        return self.opponent if self.mover == BLACK else self.own

    @property
    def legal_word(self) -> int:
        """The legal moves as a bitboard."""
        return int(board.legal_moves(self.own, self.opponent, size=self.size))

    @property
    def legal_moves(self) -> tuple[int, ...]:
        """The squares where the side to move may play, in ascending order."""
        return tuple(board.squares(self.legal_word))

    @property
    def is_over(self) -> bool:
        """Whether neither side can move."""
        return bool(board.is_over(self.own, self.opponent, size=self.size))

    @property
    def must_pass(self) -> bool:
        """Whether only the other side can move."""
        return not self.legal_word and not self.is_over

    @property
    def ply(self) -> int:
        """The number of moves played, which is the discs on the board less four."""
        return (self.own | self.opponent).bit_count() - 4

    def play(self, move: int | str) -> "Position":
        """Return the position after a move, for the other side to move.

        `move` is a square or its name; `PASS` or ``pa`` when there is no legal move. A
        name that is no square raises `NotationError`, a move that is not legal here
        `IllegalMoveError`.

        >>> Position.start().play("f5").mover
        1
        """
        check_type(move, str | int | np.integer, "move", "a square's name or number")
        square = parse_square(move, self.size) if isinstance(move, str) else int(move)
        if square == PASS and self.must_pass:
            return Position(
                self.opponent, self.own, 1 - self.mover, self.size, self.last
            )
        if not 0 <= square < PASS or not self.legal_word >> square & 1:
            legal = " ".join(square_name(s, self.size) for s in self.legal_moves)
            msg = f"move {move!r} is not legal, expected one of: {legal or 'pa'}"
            raise IllegalMoveError(msg)
        own, opponent = board.play(self.own, self.opponent, square, size=self.size)
        return Position(int(own), int(opponent), 1 - self.mover, self.size, square)

    def turned(self, s: int) -> "Position":
        """Return the position turned by a symmetry, with its last move."""
        own, opponent = turn([self.own, self.opponent], s)
        last = int(turn_squares(self.last, s))
        return Position(own, opponent, self.mover, self.size, last)

    def obf(self) -> str:
        """Write the position as a line that Edax and other programs read."""
        rows = "".join(self._rows("-"))
        return f"{rows} {'XO'[self.mover]}"

    def diagram(self) -> str:
        """Draw the position: X black, O white, a dot where the mover may play.

        >>> print(Position.start(6))
          a b c d e f
        1 - - - - - -
        2 - - . - - -
        3 - . O X - -
        4 - - X O . -
        5 - - - . - -
        6 - - - - - -
        X to move
        """
        files = " ".join("abcdefgh"[: self.size])
        rows = [f"{n} {' '.join(r)}" for n, r in enumerate(self._rows("."), start=1)]
        return "\n".join([f"  {files}", *rows, f"{'XO'[self.mover]} to move"])

    def __repr__(self) -> str:
        return f"Position.from_obf({self.obf()!r})"

    def __str__(self) -> str:
        return self.diagram()

    def _repr_svg_(self) -> str:
        return board_svg(self, size_px=240)

    def _rows(self, legal: str) -> list[str]:
        """Return one character a square, ``legal`` where the mover may play."""
        glyphs = ["-"] * 64
        for word, glyph in (
            (self.legal_word, legal),
            (self.black, "X"),
            (self.white, "O"),
        ):
            for square in board.squares(word):
                glyphs[square] = glyph
        first, last = (8 - self.size) // 2, (8 + self.size) // 2
        ranks = range(first, last)
        return ["".join(glyphs[8 * rank + first : 8 * rank + last]) for rank in ranks]


_FILES: Final = "abcdefgh"
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


@cache
def square_names(size: int) -> NDArray[np.str_]:
    """Return the names of all squares and the pass; "" off the board and for none."""
    on_board = [REGION[size] >> square & 1 for square in range(PASS)] + [1, 0]
    names = [square_name(s, size) if on else "" for s, on in enumerate(on_board)]
    return np.array(names)


@cache
def squares_by_name(size: int) -> dict[str, int]:
    """Return the square of each name in small letters, `PASS` for those of a pass."""
    on_board = board.squares(region_of(size))
    named = {square_name(square, size): square for square in on_board}
    return named | dict.fromkeys(_PASSES, PASS)


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
    square = squares_by_name(size).get(text.strip().lower())
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
    moves, known = [], squares_by_name(size)
    check_type(text, str, "transcript", "text")
    for token in _TOKEN.finditer(text):
        if token["skip"]:
            continue
        square = known.get((token["square"] or "").lower())
        if square is None:
            place = _place(text[: token.start()], line, column)
            msg = f"{place}: {_no_square(token.group(), size)}"
            raise NotationError(msg)
        moves.append(square)
    return moves


def _no_square(text: str, size: int) -> str:
    last = f"{_FILES[size - 1]}{size}"
    return f"{text!r} is not a square (a1 to {last}, or pa for a pass)"


def _place(before: str, line: int, column: int) -> str:
    """Say where the text that follows ``before`` stands."""
    lines = before.split("\n")
    first = column if len(lines) == 1 else 1
    return f"line {line + len(lines) - 1}, column {first + len(lines[-1])}"
