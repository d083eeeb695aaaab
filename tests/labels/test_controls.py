import numpy as np
import pytest

from conceptlrp.labels import Labels, control_labels, location_classes
from conceptlrp.labels.controls import random_twins
from conceptlrp.othello import BLACK, NO_MOVE, Corpus, phases
from conceptlrp.othello.board import count, squares

NAMES = ("own corners", "own frontier", "quiet moves", "corner moves")


@pytest.fixture(scope="module")
def strata(labels: Labels) -> np.ndarray:
    return phases(labels.position["empty count"])


@pytest.fixture(scope="module")
def twins(labels: Labels, strata: np.ndarray) -> Labels:
    return random_twins(labels, strata, seed=3)


def test_the_last_move_is_the_one_that_led_to_a_position(corpus: Corpus):
    found = control_labels(corpus).square["last move"]

    for i in range(0, len(corpus), 50):
        last = corpus.position(i).last
        assert squares(found[i]) == ([] if last == NO_MOVE else [last])


def test_positions_of_no_game_have_no_last_move():
    boards = np.zeros((2, 8, 8), int)
    boards[:, 3, 3:5] = 1, -1

    assert control_labels(Corpus.from_boards(boards)).square["last move"].tolist() == [
        0,
        0,
    ]


def test_the_color_to_move_is_that_of_the_corpus(corpus: Corpus):
    found = control_labels(corpus).position["black to move"]

    np.testing.assert_array_equal(found, corpus.mover == BLACK)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_has_as_many_squares_of_each_class_and_phase(
    name: str, labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = (
        np.array([[int(w) >> q & 1 for q in range(64)] for w in words], bool)
        for words in (labels.masks[name], twins.masks[f"random: {name}"])
    )

    for stratum in range(3):
        for each in range(10):
            at = np.ix_(strata == stratum, location_classes() == each)
            assert mine[at].sum() == random[at].sum()
    assert (mine != random).any()


def test_a_twin_has_the_sizes_of_its_label_in_each_phase(
    labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = labels.move["quiet moves"], twins.move["random: quiet moves"]

    for stratum in range(3):
        rows = strata == stratum
        assert sorted(count(mine[rows])) == sorted(count(random[rows]))


def test_a_twin_of_a_number_keeps_its_values_in_each_phase(
    labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = labels.position["mobility"], twins.position["random: mobility"]

    for stratum in range(3):
        rows = strata == stratum
        assert sorted(mine[rows]) == sorted(random[rows])
    assert abs(np.corrcoef(mine[strata == 1], random[strata == 1])[0, 1]) < 0.15


def test_twins_of_a_seed_are_the_same_and_of_another_are_not(
    labels: Labels, strata: np.ndarray, twins: Labels
):
    again, other = (random_twins(labels, strata, seed=s) for s in (3, 4))

    name = "random: own frontier"
    np.testing.assert_array_equal(twins.square[name], again.square[name])
    assert (twins.square[name] != other.square[name]).any()
