import numpy as np
import pytest

from conceptlrp.labelling.masks import (
    relevance_iou,
    relevance_share,
    within_board_auroc,
)
from conceptlrp.statistics import stratified_auroc


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
