"""Positions as other programs write them: lines, FEN and diagrams."""

import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import IllegalMoveError, NotationError
from conceptlrp.othello import Corpus, Position, symmetry_words

AFTER_F5 = Position.from_transcript("f5")
EDAX = """
  A B C D E F G H
1 - - - - - - - - 1
2 - - - - - - - - 2 O to move
3 - - - - - - - - 3
4 - - - O * . - - 4 O: discs =  1    moves =  3
5 - - - * * * - - 5 *: discs =  4    moves =  3
6 - - - . - . - - 6  empties = 59      ply =  2
7 - - - - - - - - 7
8 - - - - - - - - 8
  A B C D E F G H
"""
BOXED = """
White to play

   a b c d e f g h
  +-+-+-+-+-+-+-+-+
1 |.|.|.|.|.|.|.|.|
2 |.|.|.|.|.|.|.|.|
3 |.|.|.|.|.|.|.|.|
4 |.|.|.|W|B|.|.|.|
5 |.|.|.|B|B|B|.|.|
6 |.|.|.|.|.|.|.|.|
7 |.|.|.|.|.|.|.|.|
8 |.|.|.|.|.|.|.|.|
  +-+-+-+-+-+-+-+-+
"""
PLAIN = "\n".join([*["........"] * 3, "...○●...", "...●●●..", *["........"] * 3])
# The first player of alpha-zero-general, black to everybody else, is O there.
ALPHA_ZERO = """Turn  2 Player  -1
   0 1 2 3 4 5 6 7
-----------------------
0 |- - - - - - - - |
1 |- - - - - - - - |
2 |- - - - - - - - |
3 |- - - X O - - - |
4 |- - - O O O - - |
5 |- - - - - - - - |
6 |- - - - - - - - |
7 |- - - - - - - - |
-----------------------
"""


def bare(position: Position) -> Position:
    """Leave out the last move, which no notation tells."""
    return Position.from_obf(position.obf())


@pytest.mark.parametrize(
    "text",
    [
        AFTER_F5.obf(),
        AFTER_F5.obf().replace("X", "*").replace("-", "."),
        f"{AFTER_F5.obf()[:-1]}White 32 -34",
        f"{AFTER_F5.obf()}; d6:+0; f6:-2; % the first problem",
        "8 "
        + " ".join([*["--------"] * 3, "---O*---", "---***--", *["--------"] * 3, "O"]),
        # Black moved to f5: were the first rank first, it would have been f4.
        "8/8/8/3ppp2/3Pp3/8/8/8 w - - 0 1",
        "8/8/8/3xxx2/3ox3/8/8/8 w",
        AFTER_F5.diagram(),
        f"\n\n{AFTER_F5.diagram()}\n\n",
        EDAX,
        BOXED,
        PLAIN + "\nside to move: white",
        PLAIN + "\n○",
        "f5",
        ALPHA_ZERO,
    ],
)
def test_every_notation_gives_the_position(text: str):
    assert bare(Position.from_text(text)) == bare(AFTER_F5)


@given(row=st.integers(0, 10_000), small=st.booleans())
def test_what_we_write_is_read_back(row, small, corpus, small_corpus):
    chosen: Corpus = small_corpus if small else corpus
    position = chosen.position(row % len(chosen))

    for text in (position.obf(), position.diagram(), str(position)):
        assert Position.from_text(text) == bare(position)


@given(row=st.integers(0, 10_000), s=st.integers(1, 7), small=st.booleans())
def test_moves_and_the_words_for_a_turn_are_read_back(
    row, s, small, corpus, small_corpus
):
    chosen: Corpus = small_corpus if small else corpus
    moves = chosen.transcript(row % len(chosen))
    expected = Position.from_transcript(moves, chosen.size, symmetry=s)
    text = f"{moves} then {symmetry_words(s)}"

    for shown in (text, f"{text}: {expected.obf()}"):
        assert Position.from_text(shown, chosen.size) == expected


def test_other_words_for_a_turn_are_refused():
    with pytest.raises(NotationError, match="turned 'upside down', expected one of"):
        Position.from_text("f5d6 then upside down")


def test_the_start_as_edax_writes_it_is_the_start():
    assert Position.from_text("8/8/8/3pP3/3Pp3/8/8/8 b - - 0 1") == Position.start()
    assert Position.from_text("6/6/2pP2/2Pp2/6/6 b") == Position.start(6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "'he' is not a square"),
        ("-" * 64, "has no side to move"),
        ("-" * 65 + " X", "is not a position: expected 64"),
        ("-" * 62, "is not a position: expected 64"),
        ("-" * 64 + " Q", "'Q' is neither a side to move nor a score"),
        ("8/8/8/3ppp2/3Pp3/8/8/7 w", "has no 8 ranks of 8 squares"),
        ("8/8/8/3ppp2/3Pp3/8/8/8", "has no side to move"),
        (AFTER_F5.diagram().replace("4 - - - O", "4 - - - Q"), "3 ranks of 8 squares"),
        (AFTER_F5.diagram().replace("O to move", ""), "has no side to move"),
        (
            f"{AFTER_F5.diagram()}\n\n{AFTER_F5.diagram()}",
            "expected one position, found 2",
        ),
    ],
)
def test_what_is_no_position_is_refused_with_the_reason(text: str, reason: str):
    with pytest.raises(NotationError, match=reason):
        Position.from_text(text)


def test_digits_of_training_data_are_black_and_white():
    squares = AFTER_F5.obf()[:64].translate(str.maketrans("XO-", "01."))

    assert Position.from_text(f"{squares} 1 +3") == bare(AFTER_F5)


PIECES = ["X O - * ", "--------", "\n", " ", "1 ", "8", "/", "p", "P", "|", "X", "é"]
PIECES += [" to move", "turn: ", "white", "; f5:+2", "%", "a b c d", "- - - - - - - -"]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_text_is_a_position_or_refused(pieces):
    try:
        found = Position.from_text("".join(pieces))
    except (NotationError, IllegalMoveError):
        return
    assert found.size in (6, 8)
