import numpy as np
import pytest

from conceptlrp.labelling.columns import (
    Columns,
    nested_labels,
    position_columns,
    square_columns,
)
from conceptlrp.labels import Labels, label_boards, location_classes
from conceptlrp.othello import Corpus, phases
from conceptlrp.othello.board import to_boards
from tests.othello.playouts import random_games


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(40, seed=41)).sample(600, seed=0)


@pytest.fixture(scope="module")
def labels(corpus: Corpus) -> Labels:
    return label_boards(corpus)


@pytest.fixture(scope="module")
def positions(labels: Labels, corpus: Corpus) -> Columns:
    return position_columns(labels, *strata_of(labels, corpus))


@pytest.fixture(scope="module")
def squares(labels: Labels, corpus: Corpus) -> Columns:
    return square_columns(labels, *strata_of(labels, corpus), 8)


def strata_of(labels: Labels, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    strata = phases(labels.position["empty count"])
    return strata.astype(np.intp), corpus.game.astype(np.intp)


@pytest.fixture(scope="module")
def nested(labels: Labels, positions: Columns):
    found = nested_labels(positions)

    def ask(one: str, other: str) -> bool:
        return bool(found[labels.names.index(one), labels.names.index(other)])

    return ask


def test_sets_that_are_hardly_ever_empty_count_by_size(
    labels: Labels, positions: Columns
):
    found = dict(zip(positions.names, positions.columns, strict=True))

    assert found["own corners"].dtype == np.bool_
    np.testing.assert_array_equal(
        found["own corners"], labels.square["own corners"] != 0
    )
    np.testing.assert_array_equal(found["moves"], labels.position["mobility"])


def test_squares_of_maps_are_compared_within_phase_and_class(
    labels: Labels, corpus: Corpus, squares: Columns
):
    strata = squares.strata.reshape(600, 64)

    phase = phases(labels.position["empty count"])
    np.testing.assert_array_equal(strata // 10, np.tile(phase[:, None], (1, 64)))
    np.testing.assert_array_equal(strata % 10, np.tile(location_classes(), (600, 1)))
    np.testing.assert_array_equal(squares.games.reshape(600, 64)[:, 9], corpus.game)


def test_squares_are_compared_with_those_of_one_kind_alone(
    labels: Labels, corpus: Corpus, squares: Columns
):
    boards = to_boards(corpus.own, corpus.opponent)

    found = square_columns(labels, *strata_of(labels, corpus), 8, boards)

    pairs = set(zip(squares.strata, boards.ravel(), strict=True))
    assert len(np.unique(found.strata)) == len(pairs)
    own = found.columns[found.names.index("own discs")]
    for stratum in np.unique(found.strata):
        assert len(set(own[found.strata == stratum])) == 1


def test_taking_positions_takes_all_their_squares(squares: Columns):
    k = squares.names.index("own discs")

    taken = squares.take(np.array([7, 2]))

    whole = squares.columns[k].reshape(600, 64)
    np.testing.assert_array_equal(taken.columns[k].reshape(2, 64), whole[[7, 2]])


def test_a_label_is_nested_in_one_that_it_implies(nested):
    assert nested("own stable discs", "own corners")
    assert nested("own corners", "own stable discs")


def test_a_forced_move_is_nested_in_mobility(nested):
    assert nested("forced move", "mobility")


def test_the_same_said_twice_is_nested(nested):
    assert nested("moves", "mobility")
    assert nested("disc lead", "disc lead")


def test_labels_that_say_different_things_are_rivals(nested):
    assert not nested("mobility", "opponent mobility")
    assert not nested("own corners", "opponent corners")
    assert not nested("even empties", "own X-squares")
