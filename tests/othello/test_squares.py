from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import NotationError
from conceptlrp.othello import (
    NO_MOVE,
    PASS,
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.board import REGION, squares

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
