"""Labels as columns, and maps against sets of squares."""

import numpy as np
import pytest

from conceptlrp.labelling.columns import (
    Columns,
    nested_labels,
    position_columns,
    relevance_iou,
    relevance_share,
    square_columns,
    within_board_auroc,
)
from conceptlrp.labels import Labels, label_boards, location_classes
from conceptlrp.othello import Corpus, phases
from conceptlrp.othello.board import to_boards
from conceptlrp.statistics import stratified_auroc
from tests.othello.playouts import random_games


@pytest.fixture
def maps() -> np.ndarray:
    """Two positions, two channels: relevance on a1 to d1, and nothing at all."""
    maps = np.zeros((2, 2, 8, 8), np.float32)
    maps[0, 0, 0, :4] = 4, -2, 1, 1
    maps[1, 0, 7, 7] = 1
    return maps


def test_the_share_is_the_part_of_the_magnitude_on_the_squares(maps):
    masks = np.array([[0b0011], [1 << 63]], np.uint64)

    found = relevance_share(maps, masks)

    assert found[0, 0] == pytest.approx((6 / 8 + 1) / 2)
    assert np.isnan(found[1, 0])


def test_positions_without_squares_do_not_count(maps):
    assert relevance_share(maps, np.array([[0b1], [0]], np.uint64))[0, 0] == 0.5
    assert np.isnan(relevance_share(maps, np.zeros((2, 1), np.uint64))[0, 0])


def test_the_overlap_is_of_squares_that_carry_enough(maps):
    # Of a1 4, b1 -2, c1 and d1 1 those with 2 or more are a1 and b1.
    masks = np.array([[0b110], [1 << 63]], np.uint64)

    found = relevance_iou(maps, masks, level=0.5)

    assert found[0, 0] == pytest.approx((1 / 3 + 1) / 2)


def test_overlap_and_share_of_the_squares_themselves_are_one(maps):
    masks = np.array([[0b1111], [1 << 63]], np.uint64)

    assert relevance_share(maps, masks)[0, 0] == 1
    assert relevance_iou(maps, masks)[0, 0] == 1


def test_auroc_within_boards_compares_squares_of_one_board_alone():
    random = np.random.default_rng(0)
    maps = random.integers(0, 4, (5, 2, 8, 8)).astype(np.float32)
    # Boards differ by far more than squares do.
    maps += 100 * np.arange(5)[:, None, None, None]
    masks = random.integers(0, 2**63, (5, 1)).astype(np.uint64)

    found = within_board_auroc(maps, masks)

    bits = (masks >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    flat = maps.reshape(5, 2, 64).swapaxes(1, 2).reshape(-1, 2)
    boards = np.repeat(np.arange(5), 64)
    expected = stratified_auroc(flat, bits.reshape(-1, 1) == 1, boards)
    np.testing.assert_allclose(found, expected)


def test_squares_of_the_small_board_are_those_in_the_middle():
    maps = np.zeros((1, 1, 6, 6), np.float32)
    maps[0, 0, 0, 0] = 1

    assert relevance_share(maps, np.array([[1 << 9]], np.uint64))[0, 0] == 1


def test_maps_that_are_no_boards_are_refused():
    with pytest.raises(ValueError, match=r"maps have shape \(1, 1, 4, 4\)"):
        relevance_share(np.zeros((1, 1, 4, 4)), np.zeros((1, 1), np.uint64))


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
