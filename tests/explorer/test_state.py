"""The address of a page: what it means, and what is refused."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import IllegalMoveError, NotationError
from conceptlrp.explorer.pages import with_disc
from conceptlrp.explorer.state import ExplorerState, parse_pasted, parse_state
from conceptlrp.othello import (
    BLACK,
    NO_MOVE,
    WHITE,
    Position,
    parse_square,
    transcript_text,
)
from tests.othello.playouts import random_games

START = ExplorerState(Position.start())


def state_of(**items: str) -> ExplorerState:
    return parse_state(items.items(), size=8)


def random_positions(count: int) -> list[Position]:
    games = random_games(count, seed=5)
    positions = []
    for number, moves in enumerate(games.moves):
        text = ExplorerState(Position.start(), tuple(moves[: 7 * number + 3].tolist()))
        positions.append(replace(text.position, last=NO_MOVE))
    return positions


POSITIONS = random_positions(8)


def test_no_parameters_are_the_start_position() -> None:
    assert state_of() == START
    assert START.href == "/"


@given(
    moves=st.sampled_from(["", "f5", "f5d6c3d3c4"]),
    show=st.sampled_from(["move", "value", "contrast"]),
    click=st.sampled_from(["explain", "contrast", "play", "set"]),
    disc=st.sampled_from(["x", "o", "-"]),
    move=st.sampled_from([None, "f6", "pa"]),
    channel=st.none() | st.integers(0, 99_999),
    changes=st.lists(
        st.tuples(
            st.sampled_from(["conv1", "trunk.0/conv & 1", "a:b"]),
            st.integers(0, 99_999),
            st.sampled_from(["mean", "0", "1", "2", "-0.5"]),
        ),
        max_size=4,
        unique_by=lambda each: each[:2],
    ),
    search=st.sampled_from([None, 1, 100]),
    similar=st.sampled_from([None, "conv1"]),
    place=st.integers(0, 7),
)
def test_an_address_gives_back_its_state(
    moves, show, click, disc, move, channel, changes, search, similar, place
) -> None:
    state = replace(
        parse_pasted(moves, START),
        start=POSITIONS[place] if not moves else Position.start(),
        show=show,
        click=click,
        disc=disc,
        move=move,
        against=move,
        layer=None if channel is None else "trunk.0/conv & 1",
        channel=channel,
        ply=1 if len(moves) > 4 else None,
        search=search,
        similar=similar,
        changes=tuple(changes),
    )

    assert parse_state(state.items(), size=8) == state


def test_a_pasted_transcript_is_played_with_its_passes_left_out() -> None:
    for moves in random_games(8, seed=5).moves:
        transcript = transcript_text(moves)

        state = parse_pasted(transcript, START)

        assert state.position == Position.from_transcript(transcript)


def test_pasted_moves_may_end_with_the_words_for_how_they_are_turned() -> None:
    state = parse_pasted("f5d6c3 then turned by half: ", START)

    expected = Position.from_transcript("f5d6c3", symmetry=3)
    assert state.position.obf() == expected.obf()


@pytest.mark.parametrize("place", range(8))
def test_a_pasted_position_is_shown_as_it_is(place) -> None:
    position = POSITIONS[place]

    assert parse_pasted(position.obf(), START).position == position
    assert parse_pasted(f" {position.obf()} ; a comment", START).position == position


def test_a_side_that_cannot_move_is_passed_over_after_a_move() -> None:
    # Black's last move leaves white without one.
    position = Position.from_obf("-" * 48 + "XXXXX---" + "XXXXXOO- X")

    after = replace(START, start=position).played(parse_square("h8")).position

    assert after.is_over or after.mover == BLACK


def test_undo_takes_back_the_last_move_and_what_was_chosen() -> None:
    state = replace(parse_pasted("f5d6", START), move="c3", show="contrast")

    undone = state.undone()

    assert undone.position == Position.start().play("f5")
    assert (undone.move, undone.show) == (None, "move")


@pytest.mark.parametrize("place", range(8))
def test_a_game_is_stepped_through_and_goes_on_where_its_next_move_is_played(
    place,
) -> None:
    moves = random_games(8, seed=5).moves[place]
    state = parse_pasted(transcript_text(moves), START)
    ply = 5 * place

    there = state.after(ply)

    expected = Position.from_transcript(transcript_text(moves[:ply]))
    assert (there.position.own, there.position.opponent) == (
        expected.own,
        expected.opponent,
    )
    assert there.played(there.following) == state.after(ply + 1)
    assert there.transcript == transcript_text(moves[:ply])
    others = [s for s in there.position.legal_moves if s != there.following]
    for square in others:
        assert there.played(square).moves == (*there.made, square)
    assert state.after(len(state.moves)) == state


@pytest.mark.parametrize(("disc", "owner"), [("x", BLACK), ("o", WHITE)])
@pytest.mark.parametrize("mover", [BLACK, WHITE])
def test_a_set_disc_has_the_asked_colour_whoever_moves(disc, owner, mover) -> None:
    start = Position.start()
    position = Position(start.own, start.opponent, mover)

    found = with_disc(with_disc(position, 27, "-"), 27, disc)

    assert (found.black >> 27 & 1, found.white >> 27 & 1) == (
        (1, 0) if owner == BLACK else (0, 1)
    )
    assert found.mover == mover


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([("q", "1")], "unknown parameter 'q'"),
        ([("moves", "f5"), ("moves", "d3")], "'moves' is given twice"),
        ([("moves", "x9")], "not a square"),
        ([("moves", "f5" * 61)], "61 moves, expected at most 60"),
        ([("start", "X")], "has 1 letters"),
        ([("start", "Q" * 65)], "is not a position"),
        ([("move", "i9")], "not a square"),
        ([("show", "all")], "'show' is 'all', expected move or value or contrast"),
        ([("click", "<script>")], "'click' is '<script>'"),
        ([("channel", "1")], "without 'layer'"),
        ([("layer", "conv1"), ("channel", "-1")], "expected a number from 0"),
        ([("layer", "conv1"), ("channel", "1e3")], "expected a number from 0"),
        ([("layer", "conv1"), ("channel", "٣")], "expected a number from 0"),
        ([("layer", "conv1"), ("channel", "9" * 400)], "expected a number from 0"),
        ([("layer", "conv1"), ("channel", "100000")], "from 0 to 99999"),
        ([("change:conv1:1", "none")], "'none', expected mean or a factor"),
        ([("change:conv1:1", "nan")], "'change:conv1:1' is 'nan'"),
        ([("change:conv1:1", "-101")], "a factor from -100 to 100"),
        ([("change:conv1", "0")], "'channel' is 'conv1', expected a number"),
        ([("change:conv1:", "0")], "expected a number from 0"),
        ([(f"change:conv1:{c}", "0") for c in range(17)], "17 channels are changed"),
        (
            [("moves", "f5"), ("ply", "2")],
            "'ply' is '2', expected a number from 0 to 1",
        ),
        ([("search", "9999")], "'search' is '9999', expected a number from 0 to 1000"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(items, message) -> None:
    with pytest.raises(ValueError, match=message):
        parse_state(items, size=8)


@pytest.mark.parametrize("text", ["f5f5", "a1"])
def test_a_pasted_transcript_must_be_legal(text) -> None:
    with pytest.raises(IllegalMoveError, match=f"move '{text[-2:]}' is not legal"):
        parse_pasted(text, START)


@pytest.mark.parametrize(
    "text", ["hello", "X" * 1001, "-" * 36 + " X", "-" * 63 + " X"]
)
def test_pasted_text_that_is_neither_is_refused(text) -> None:
    with pytest.raises(NotationError):
        parse_pasted(text, START)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=80)), max_size=6))
def test_any_parameters_give_a_state_or_one_sentence(items) -> None:
    with suppress(ValueError):
        assert parse_state(parse_state(items, size=8).items(), size=8)
        return
    with pytest.raises(ValueError) as error:
        parse_state(items, size=8)
    sentence = str(error.value)
    assert sentence
    assert "\n" not in sentence
