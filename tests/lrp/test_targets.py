import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import TargetError
from conceptlrp.lrp import (
    Best,
    Contrast,
    Move,
    Moves,
    Neuron,
    Played,
    Target,
    Value,
)
from conceptlrp.lrp.targets import parse_targets
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import PASS

SIZES = (6, 8)


def moves(size: int) -> st.SearchStrategy[Target]:
    actions = st.integers(0, size * size)
    squares = actions.map(lambda a: int(squares_of_actions(a, size=size)))
    return squares.map(lambda square: Move(square, size))


def contrasts(size: int) -> st.SearchStrategy[Target]:
    either = st.one_of(moves(size), st.just(Played()), st.just(Best()))
    return st.builds(Contrast, either, either)


def neurons() -> st.SearchStrategy[Target]:
    number = st.integers(0, 600)
    place = st.none() | st.tuples(number, number)
    return st.builds(Neuron, st.text(min_size=1), number, place)


def targets(size: int) -> st.SearchStrategy[Target]:
    words = st.sampled_from([Played(), Best(), Value()])
    return st.one_of(words, moves(size), contrasts(size), neurons())


SIZED = st.sampled_from(SIZES).flatmap(
    lambda size: st.tuples(st.just(size), targets(size))
)


@given(SIZED)
def test_a_name_stands_for_the_target_that_it_is_of(case: tuple[int, Target]) -> None:
    size, target = case

    assert Target.parse(target.name, size) == target


@given(st.text())
def test_text_is_the_name_of_what_it_is_parsed_to_or_refused(text: str) -> None:
    try:
        target = Target.parse(text)
    except TargetError:
        return
    # A move may be written in other ways, such as "D3" and "pass".
    assert Target.parse(target.name) == target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("conv3:17", Neuron("conv3", 17)),
        ("conv3:17@2,4", Neuron("conv3", 17, (2, 4))),
        ("trunk.3:0", Neuron("trunk.3", 0)),
        ("a-b:3", Neuron("a-b", 3)),
        ("odd:1@2,3:4", Neuron("odd:1@2,3", 4)),
        ("d3-c4", Contrast(Move(19), Move(26))),
        ("played-best", Contrast(Played(), Best())),
        ("pass", Move(PASS)),
        ("D3", Move(19)),
    ],
)
def test_names_are_read_as_players_and_programs_write_them(
    text: str, target: Target
) -> None:
    assert Target.parse(text) == target


def test_a1_of_a_small_board_is_another_square() -> None:
    assert Target.parse("a1", 6) == Move(9, 6)
    assert Target.parse("a1") == Move(0)


def test_a_name_of_moves_tells_their_kind_and_not_their_squares() -> None:
    listed = Moves((19, 26), label="of a teacher")

    found = Target.parse(listed.name)

    assert isinstance(found, Moves)
    assert (found.name, found.unit) == (listed.name, "logits")
    with pytest.raises(TargetError, match=r"says nothing of its squares; pass Moves"):
        found.take(slice(0, 2))


def test_units_are_told_by_the_target() -> None:
    units = {text: Target.parse(text).unit for text in ("d3-c4", "value", "conv1:2")}

    assert units == {
        "d3-c4": "logits",
        "value": "value before tanh",
        "conv1:2": "activation",
    }


def test_what_is_no_target_is_refused_with_a_sentence() -> None:
    with pytest.raises(TargetError, match=r"unknown target 'z9', expected 'played'"):
        Target.parse("z9")
    with pytest.raises(TargetError, match=r"'d3-value' contrasts something that is no"):
        Target.parse("d3-value")
    with pytest.raises(TargetError, match=r"target is int, expected text such as"):
        Target.parse(19)
    with pytest.raises(TargetError, match="no target is given"):
        parse_targets([], 8)


def test_one_target_is_taken_like_a_list_of_one() -> None:
    assert parse_targets("played", 8) == parse_targets(["played"], 8) == [Played()]
    assert parse_targets(Value(), 8) == [Value()]


def test_best_is_replaced_by_the_square_that_it_turned_out_to_be() -> None:
    contrast = Target.parse("best-d3").with_best(26)

    assert contrast.name == "c4-d3"
    assert contrast.named_squares == (26, 19)
    assert Target.parse("value").with_best(26) == Value()


def test_targets_are_known_without_torch() -> None:
    script = "import sys, conceptlrp.lrp.targets; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
