from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import IllegalMoveError, NotationError
from conceptlrp.othello import (
    BLACK,
    NO_MOVE,
    PASS,
    WHITE,
    Corpus,
    Position,
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.board import REGION, squares


def test_the_start_has_black_to_move_on_d5_and_e4():
    position = Position.start()

    assert position.obf() == "-" * 27 + "OX" + "-" * 6 + "XO" + "-" * 27 + " X"
    assert position.legal_moves == (19, 26, 37, 44)
    assert (position.mover, position.ply, position.last) == (BLACK, 0, NO_MOVE)


def test_a_known_transcript_gives_its_known_board():
    position = Position.from_transcript("f5d6c3")

    assert position.obf() == (
        "------------------X--------XX------OXX-----O-------------------- O"
    )
    assert (position.mover, position.last, position.ply) == (WHITE, 18, 3)


@given(st.integers(0, 5000))
def test_an_obf_line_is_read_back(corpus: Corpus, row):
    position = corpus.position(row)

    again = Position.from_obf(position.obf())

    assert (again.black, again.white) == (position.black, position.white)
    assert again.mover == position.mover


@given(st.integers(0, 2000))
def test_an_obf_line_of_the_small_board_is_read_back(small_corpus: Corpus, row):
    position = small_corpus.position(row)

    again = Position.from_obf(position.obf())

    assert again.size == 6
    assert (again.own, again.opponent) == (position.own, position.opponent)


def test_obf_lines_of_other_programs_are_read():
    start = Position.start().obf()

    for line in (
        start.replace("X", "*").replace("-", "."),
        start.lower(),
        f"{start}; G8:+18; H1:+12;",
        f"  {start}\n",
    ):
        assert Position.from_obf(line) == Position.start()


@pytest.mark.parametrize("line", ["", "X", "-" * 64, "-" * 63 + " X", "-" * 64 + " Z"])
def test_what_is_no_obf_line_is_refused(line):
    with pytest.raises(NotationError, match=r"not a position|no side|'Z' is neither"):
        Position.from_obf(line)


def test_playing_move_by_move_equals_the_transcript():
    position = Position.start()
    for name in ("f5", "d6", 18):
        position = position.play(name)

    assert position == Position.from_transcript("f5d6c3")


def test_implied_passes_are_inserted(corpus: Corpus):
    after_pass = [
        row
        for row in range(1, len(corpus))
        if corpus.ply[row] and corpus.mover[row] == corpus.mover[row - 1]
    ]

    assert len(after_pass) > 50
    for row in after_pass[:20]:
        assert Position.from_transcript(corpus.transcript(row)) == corpus.position(row)


def test_a_side_that_cannot_move_must_pass():
    blocked = Position.from_obf("OX------" + "-" * 55 + "X" + " O")

    assert not blocked.must_pass
    forced = Position.from_obf("XO------" + "-" * 56 + " O")
    assert forced.must_pass
    assert forced.legal_moves == ()
    assert forced.play("pa") == Position(forced.opponent, forced.own, BLACK)
    assert forced.play(PASS).legal_moves == (2,)


def test_a_pass_leaves_the_last_move():
    forced = Position.from_obf("XO------" + "-" * 56 + " O")
    seen = Position(forced.own, forced.opponent, forced.mover, last=1)

    assert seen.play(PASS).last == 1


def test_a_pass_is_refused_where_there_is_a_move():
    with pytest.raises(IllegalMoveError, match="expected one of: d3 c4 f5 e6"):
        Position.start().play("pa")


@pytest.mark.parametrize("move", ["a1", "d4", 0, 99, -1])
def test_an_illegal_move_is_refused(move):
    with pytest.raises(IllegalMoveError, match="is not legal"):
        Position.start().play(move)


def test_an_illegal_move_of_a_transcript_is_refused_with_its_number():
    with pytest.raises(IllegalMoveError, match=r"move 3 .* 'a1' is not legal"):
        Position.from_transcript("f5d6a1")


def test_a_finished_game_is_over(corpus: Corpus):
    transcript = transcript_text(corpus.games.moves[0])

    position = Position.from_transcript(transcript)

    assert position.is_over
    assert not position.must_pass
    assert position.last == parse_transcript(transcript)[-1]


def test_colours_do_not_depend_on_who_is_to_move():
    position = Position.start()
    after = position.play("d3")

    assert position.black == position.own
    assert after.black == after.opponent
    assert after.white == after.own


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((3, 1), "discs overlap"),
        ((1, 2, 0, 6), "outside the board"),
        ((1, 2, 2), "mover is 2"),
        ((1, 2, 0, 7), "board size is 7"),
        ((1, 2, 0, 8, 64), "last move is 64"),
    ],
)
def test_impossible_positions_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        Position(*arguments)


def test_a_diagram_marks_the_legal_moves():
    assert str(Position.start()).splitlines()[3:6] == [
        "3 - - - . - - - -",
        "4 - - . O X - - -",
        "5 - - - X O . - -",
    ]


def test_a_position_is_shown_as_what_makes_it():
    position = Position.from_transcript("f5d6c3")

    assert eval(repr(position)) == Position.from_obf(position.obf())


@pytest.mark.parametrize("call", [Position.from_obf, Position.from_transcript])
def test_what_is_no_text_is_refused(call):
    with pytest.raises(TypeError, match=r"(position|transcript) is int, expected text"):
        call(5)


def test_a_move_is_a_name_or_a_whole_number_of_any_kind():
    start = Position.start()

    assert start.play(np.int8(19)) == start.play("d3") == start.play(19)
    with pytest.raises(TypeError, match="move is NoneType, expected a square's name"):
        start.play(None)


SQUARES = st.integers(0, 63)
SMALL_SQUARES = st.sampled_from(squares(REGION[6]))


@given(SQUARES)
def test_a_square_is_read_back_from_its_name(square):
    assert parse_square(square_name(square)) == square


@given(SMALL_SQUARES)
def test_a_square_of_the_small_board_is_read_back(square):
    assert parse_square(square_name(square, 6), 6) == square


@given(st.lists(SQUARES))
def test_a_transcript_is_read_back(moves):
    assert parse_transcript(transcript_text(moves)) == moves


@given(st.lists(SMALL_SQUARES))
def test_a_transcript_of_the_small_board_is_read_back(moves):
    assert parse_transcript(transcript_text(moves, 6), 6) == moves


@given(st.text("abhi089 .-\n\tpsPSé", max_size=20))
def test_any_text_is_read_or_refused(text):
    with suppress(NotationError):
        assert all(0 <= move < 64 for move in parse_transcript(text))


def test_names_have_files_from_left_to_right():
    assert [square_name(s) for s in (0, 7, 56, 63, 19)] == [
        "a1",
        "h1",
        "a8",
        "h8",
        "d3",
    ]
    assert [square_name(s, 6) for s in (9, 14, 49, 54)] == ["a1", "f1", "a6", "f6"]


@pytest.mark.parametrize("name", ["pa", "PA", "pass", "Ps", "--", " pa "])
def test_every_spelling_of_a_pass_is_read(name):
    assert parse_square(name) == PASS


def test_passes_are_left_out_of_transcripts():
    assert transcript_text([37, PASS, 43, NO_MOVE]) == "f5d6"


@pytest.mark.parametrize(
    "text",
    [
        "f5d6c3",
        "F5D6C3",
        "f5 d6 c3",
        "1. f5 d6 2. c3",
        "1.f5 2.d6 3.c3",
        "1.f5d62.c3",
        "f5\nd6\r\nc3\n",
        "f5 pass d6 PA -- c3 ps",
        "1... f5 d6c3",
    ],
)
def test_transcripts_are_read_in_every_usual_form(text):
    assert parse_transcript(text) == [37, 43, 18]


@pytest.mark.parametrize("name", ["", "a", "a0", "a9", "i1", "d33", "3d", "f5d6", "é1"])
def test_what_names_no_square_is_refused(name):
    with pytest.raises(NotationError, match="is not a square"):
        parse_square(name)


def test_squares_beyond_the_small_board_are_refused():
    with pytest.raises(NotationError, match=r"'g1' is not a square \(a1 to f6"):
        parse_square("g1", 6)
    with pytest.raises(NotationError, match="0 is no square of the 6 x 6 board"):
        square_name(0, 6)


@pytest.mark.parametrize("square", [-1, 65, 200])
def test_a_number_that_is_no_square_has_no_name(square):
    with pytest.raises(NotationError, match="is no square"):
        square_name(square)


def test_an_unknown_square_is_refused_with_its_line_and_column():
    with pytest.raises(NotationError, match="line 2, column 3: 'j9' is not a square"):
        parse_transcript("f5 d6\nc3j9")


def test_a_transcript_inside_a_file_is_refused_with_its_place_there():
    with pytest.raises(NotationError, match="line 12, column 24: 'd9'"):
        parse_transcript("f5d9", line=12, column=22)
