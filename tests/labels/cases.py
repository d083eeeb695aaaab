"""For each label a position where it holds and one that just misses it.

Discs are written as squares of the 8 x 8 board, ``a1 b1``, or ranges along a rank or
file, ``a1-d1``. What is expected is a value, or the squares of the label.
"""

from dataclasses import dataclass

from conceptlrp.othello import parse_square


@dataclass(frozen=True)
class Case:
    """A position and what a label gives for it."""

    own: str
    opponent: str
    expected: int | bool | str


def squares_of(text: str) -> int:
    """Return the bitboard of squares and ranges of squares."""
    word = 0
    for part in text.split():
        first, _, last = part.partition("-")
        (a, b), (c, d) = ((ord(s[0]), int(s[1])) for s in (first, last or first))
        for file in range(a, c + 1):
            for rank in range(b, d + 1):
                word |= 1 << parse_square(f"{chr(file)}{rank}")
    return word


def _filled(n: int) -> str:
    """Return n squares, row by row from a1."""
    names = [f"{file}{rank}" for rank in range(1, 9) for file in "abcdefgh"]
    return " ".join(names[:n])


#: By label: a position that has it, and a near miss.
CASES: dict[str, tuple[Case, Case]] = {
    "opening": (Case(_filled(23), "", True), Case(_filled(24), "", False)),
    "midgame": (Case(_filled(24), "", True), Case(_filled(44), "", False)),
    "endgame": (Case(_filled(44), "", True), Case(_filled(43), "", False)),
    "empty count": (Case("a1", "", 63), Case("a1", "b1", 62)),
    "even empties": (Case("a1", "b1", True), Case("a1", "b1 c1", False)),
    "mobility": (Case("a1 a3", "b1 b3", 2), Case("a1 a3", "b1 b3-h3", 1)),
    "opponent mobility": (Case("b1 b3", "a1 a3", 2), Case("b1-h1 b3", "a1 a3", 1)),
    "mobility lead": (Case("a1 a3", "b1 b3", 2), Case("b1 h8", "a1 g8", 0)),
    "forced move": (Case("a1", "b1", True), Case("a1 a3", "b1 b3", False)),
    "opponent stuck": (Case("a1", "b1", True), Case("a2 d1", "c1 b2", False)),
    "potential mobility": (Case("a8", "a1", 3), Case("a8 b2", "a1", 2)),
    "potential mobility lead": (Case("a8", "d4", 5), Case("d5", "d4", 0)),
    "frontier lead": (Case("a1 c1", "a2-c2", -1), Case("a1 b1", "a2-b2 c1-c2", -4)),
    "corner lead": (Case("a1 h8", "h1", 1), Case("a1 b2", "h1", 0)),
    "edge lead": (Case("a3 d8 e1", "h8", 2), Case("b3 d7 e1", "h8", 0)),
    "center lead": (Case("c3 f6 d4", "e5", 2), Case("c2 g6 d4", "e5", 0)),
    "stable lead": (Case("a1 b1", "h8", 1), Case("b1 c1", "h8", -1)),
    "disc lead": (Case("a1-c1", "h8", 2), Case("a1", "h8", 0)),
    "evaporated": (
        Case("a1-f1", "a2-h2 a3-f3", True),
        Case("a1-g1", "a2-h2 a3-f3", False),
    ),
    "anchorless": (Case("c3 d4 e5 f6", "d5", True), Case("a3 d4 e5", "d5", False)),
    "only X and C moves": (Case("d2", "c2", True), Case("d2 a8", "c2 b8", False)),
    "tempo lead": (Case("a1", "b1", 1), Case("c1", "b1 b3", 0)),
    "diagonal control": (
        Case("a1 c3 d4", "d5", True),
        Case("a1 c3 d4", "e5", False),
    ),
    "opponent diagonal control": (
        Case("d4", "h1 f3 e4", True),
        Case("d4", "h1 f3", False),
    ),
    "region count": (
        Case("a2 b1", "b2", 2),
        Case("a2 b1", "", 1),
    ),
    "odd region count": (Case("a2 b1", "b2", 1), Case("a3 b3", "b1 b2", 0)),
    "largest flip": (Case("a1 a3", "b1-d1 b3", 3), Case("a1 a3", "b1-h1 b3", 1)),
    "every move gives a corner": (
        Case("d2 b4", "c2 c3", True),
        Case("d2 b4", "c2", False),
    ),
    "own discs": (Case("a1", "b1", "a1"), Case("", "a1 b1", "")),
    "opponent discs": (Case("a1", "b1", "b1"), Case("a1 b1", "", "")),
    "empty squares": (
        Case("a1-h7", "b8-h8", "a8"),
        Case("a1-h7", "a8-h8", ""),
    ),
    "potential moves": (
        Case("h8", "a1", "a2 b1 b2"),
        Case("a1", "", ""),
    ),
    "own frontier": (
        Case("a1-h7", "a8-g8", "g7 h7"),
        Case("a1-h7", "a8-h8", ""),
    ),
    "opponent frontier": (
        Case("a8-g8", "a1-h7", "g7 h7"),
        Case("a8-g8 g7 h7", "a1-h6 a7-f7", ""),
    ),
    "own interior": (Case("a1", "a2 b1 b2", "a1"), Case("a1", "a2 b1", "")),
    "opponent interior": (Case("a2 b1 b2", "a1", "a1"), Case("a2 b1", "a1", "")),
    "capturable discs": (
        Case("a1 d4", "b1-c1 e5", "b1-c1 e5"),
        Case("a1 d1", "b1-c1", ""),
    ),
    "discs in danger": (
        Case("b1-c1 e5", "a1 d4", "b1-c1 e5"),
        Case("b1-c1", "a1 d1", ""),
    ),
    "own corners": (Case("a1 b2", "h8", "a1"), Case("b2 c1", "a1", "")),
    "opponent corners": (Case("a1", "h8", "h8"), Case("h8", "g7", "")),
    "own X-squares": (Case("b2 g7", "h8", "b2"), Case("b2", "a1", "")),
    "opponent X-squares": (Case("h8", "b2 g7", "b2"), Case("a1", "b2 c3", "")),
    "own C-squares": (Case("b1 a7", "h1", "b1 a7"), Case("b1 a2", "a1", "")),
    "opponent C-squares": (Case("h1", "b1 a7", "b1 a7"), Case("a1", "a2 c1", "")),
    "own stable discs": (
        Case("a1-c1 a2", "d4", "a1-c1 a2"),
        Case("b1-c1 a2", "d4", ""),
    ),
    "opponent stable discs": (
        Case("d4", "h7-h8 g8 g7", "h7-h8 g8"),
        Case("h8", "h7 g8 g7", ""),
    ),
    "own anchors": (Case("c1", "d2", "c1"), Case("c1", "d1", "")),
    "opponent anchors": (Case("a4", "h4 a1", "h4 a1"), Case("a3", "a4", "")),
    "own balanced edge": (
        Case("b1-g1", "a4", "b1-g1"),
        Case("b1-g1", "a1", ""),
    ),
    "opponent balanced edge": (
        Case("a4", "h2-h7", "h2-h7"),
        Case("a4", "h2-h6", ""),
    ),
    "own unbalanced edge": (
        Case("a2-a6", "d4", "a2-a6"),
        Case("a2-a6", "a7", ""),
    ),
    "opponent unbalanced edge": (
        Case("d4", "c8-g8", "c8-g8"),
        Case("d4", "c8-f8", ""),
    ),
    "own wall": (Case("c4-f4", "c5", "c4-f4"), Case("c4-f4", "d5 e3", "")),
    "opponent wall": (Case("c5", "d3-d7", "d3-d7"), Case("c5", "d3-d5", "")),
    "odd regions": (Case("a2 b1", "b2", "a1"), Case("a3 b3", "b1 b2", "")),
    "private regions": (
        Case("d1", "b1-c1 a2 b2", "a1"),
        Case("d1 a2", "b1-c1 b2 a3", ""),
    ),
    "opponent private regions": (
        Case("b1-c1 a2 b2", "d1", "a1"),
        Case("b1 a2 b2", "c2", ""),
    ),
    "moves": (Case("a1", "b1", "c1"), Case("a1 c1", "b1", "")),
    "opponent moves": (Case("b1", "a1", "c1"), Case("b1", "a1 c1", "")),
    "corner moves": (Case("c1", "b1", "a1"), Case("d1", "c1", "")),
    "corner threats": (Case("b2", "c3", "a1"), Case("c3", "d4", "")),
    "free moves": (Case("a1", "b1", "c1"), Case("a1 d1", "b1 e1", "f1")),
    "opponent free moves": (Case("b1", "a1", "c1"), Case("b1", "a1 c1", "")),
    "safe moves": (Case("d3", "c3", "b3"), Case("d2", "c2", "")),
    "X-square moves": (Case("d2", "c2", "b2"), Case("d2 a1", "c2", "")),
    "wedges": (Case("d3", "c1 e1 d2", "d1"), Case("d3", "c1 d2", "")),
    "long flips": (Case("a1", "b1-e1", "f1"), Case("a1", "b1-d1", "")),
    "quiet moves": (
        Case("a1", "b1 a2 b2 c2", "c1"),
        Case("a1", "b1 a2 b2", ""),
    ),
    "greediest moves": (Case("a1 a3", "b1-c1 b3", "d1"), Case("", "a1", "")),
    "pass-forcing moves": (
        Case("a1 a3", "b1 b3 c4", "c1"),
        Case("a1", "b1", ""),
    ),
    "corner-giving moves": (Case("d2", "c2 c3", "b2"), Case("d2 a1", "c2 c3", "")),
    "parity moves": (Case("c1 h8", "b1 a2 b2", "a1"), Case("d1 h8", "c1-c2 a2-b2", "")),
    "wipe-out moves": (Case("a1", "b1", "c1"), Case("a1", "b1 h8", "")),
}
