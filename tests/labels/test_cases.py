import numpy as np
import pytest

from conceptlrp.labels import LABELS, Labels, label_boards
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import REGION, squares, start
from conceptlrp.othello.symmetry import turn
from tests.labels.cases import CASES, Case, squares_of


def value_of(name: str, case: Case) -> object:
    own, opponent = squares_of(case.own), squares_of(case.opponent)
    found = label_boards(([own], [opponent]), [name])
    if name in found.position:
        return found.position[name][0].item()
    return squares(found.masks[name][0])


def expected_of(case: Case) -> object:
    if isinstance(case.expected, str):
        return squares(squares_of(case.expected))
    return case.expected


def test_every_label_has_a_position_and_a_near_miss():
    assert set(CASES) == set(LABELS)
    assert len(LABELS) >= 30


@pytest.mark.parametrize("name", CASES)
def test_a_label_holds_where_players_say_it_does(name: str):
    case = CASES[name][0]

    assert value_of(name, case) == expected_of(case)
    assert case.expected not in (False, "")


@pytest.mark.parametrize("name", CASES)
def test_a_label_is_not_taken_in_by_a_near_miss(name: str):
    case = CASES[name][1]

    assert value_of(name, case) == expected_of(case)
    assert value_of(name, case) != value_of(name, CASES[name][0])


def test_the_start_position_has_the_values_of_the_books():
    found = label_boards(tuple([side] for side in start()))

    numbers = {name: column[0] for name, column in found.position.items()}
    sizes = {name: column[0] for name, column in found.counts().items()}
    assert numbers["mobility"] == numbers["opponent mobility"] == 4
    assert numbers["potential mobility"] == 10
    assert numbers["region count"] == numbers["largest flip"] == 1
    assert numbers["empty count"] == 60
    assert sizes["own frontier"] + sizes["opponent frontier"] == 4
    assert sizes["own stable discs"] == 0
    assert sizes["free moves"] == 4


def test_a_corner_filled_up_makes_a_stable_triangle_and_a_hole_in_it_none():
    triangle = "a1-d1 a2-c2 a3-b3 a4"

    assert value_of("own stable discs", Case(triangle, "h8", "")) == squares(
        squares_of(triangle)
    )
    assert value_of("own stable discs", Case("b1-d1 a2-c2 a3-b3 a4", "h8", "")) == []


def test_discs_in_full_lines_are_stable_without_any_corner():
    own, everything = squares_of("d4"), squares_of("a1-h8")

    found = label_boards(([own], [everything & ~own]), ["own stable discs"])

    assert squares(found.square["own stable discs"][0]) == squares(own)


@pytest.mark.parametrize("s", range(1, 8))
def test_labels_of_a_turned_board_are_the_labels_turned(
    s: int, corpus: Corpus, labels: Labels
):
    _check_turned(corpus, labels, s)


@pytest.mark.parametrize("s", range(1, 8))
def test_labels_of_a_turned_small_board_are_the_labels_turned(
    s: int, small_corpus: Corpus, small_labels: Labels
):
    _check_turned(small_corpus, small_labels, s)


def _check_turned(corpus: Corpus, labels: Labels, s: int) -> None:
    turned = label_boards(corpus.turned_by(s))

    for name, column in labels.position.items():
        np.testing.assert_array_equal(turned.position[name], column, err_msg=name)
    for name, words in labels.masks.items():
        np.testing.assert_array_equal(turned.masks[name], turn(words, s), err_msg=name)


def test_labels_of_the_opponent_are_those_of_the_other_side(
    corpus: Corpus, labels: Labels
):
    other = label_boards((corpus.opponent, corpus.own))

    for name in LABELS:
        twin = name.replace("own ", "opponent ")
        if name.startswith("own ") and twin in LABELS:
            np.testing.assert_array_equal(labels.masks[twin], other.masks[name])


def test_moves_of_every_label_are_legal(corpus: Corpus, labels: Labels):
    legal = labels.move["moves"]

    assert [name for name, words in labels.move.items() if (words & ~legal).any()] == []
    np.testing.assert_array_equal(legal, corpus.legal)


def test_labels_stay_on_the_small_board(small_labels: Labels):
    region = np.uint64(REGION[6])

    beyond = {n for n, words in small_labels.masks.items() if (words & ~region).any()}

    assert beyond == set()


def test_a_label_says_what_it_means_and_how_it_is_defined():
    for name, label in LABELS.items():
        assert label.name == name
        assert label.sentence
        assert not label.sentence.endswith(".")
        assert label.formula
