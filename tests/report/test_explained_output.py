"""Which channel matters most where."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.report.explained_output import NO_CHANNEL, board_regions, local_atlas


def random_maps(seed: int, channels: int = 5, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, size, size))


@pytest.mark.parametrize("size", [6, 8])
def test_regions_cover_every_square_once(size) -> None:
    counts = np.zeros((size, size), int)

    for rows, columns in board_regions(size).values():
        counts[rows, columns] += 1

    assert (counts == 1).all()
    assert len(board_regions(size)) == 9


def test_corners_have_the_names_of_their_squares() -> None:
    rows, columns = board_regions(8)["h1 corner"]
    maps = np.zeros((8, 8))
    maps[0, 7] = 1

    assert maps[rows, columns].sum() == 1
    assert {"a1 corner", "f6 corner"} < set(board_regions(6))


@given(st.integers(0, 10_000))
def test_the_channel_of_a_square_is_the_one_of_largest_magnitude(seed) -> None:
    maps = random_maps(seed)

    atlas = local_atlas(maps)

    for row, column in np.ndindex(8, 8):
        values = np.abs(maps[:, row, column])
        channel = atlas.channel[row, column]
        assert values[channel] == values.max()
        assert atlas.relevance[row, column] == maps[channel, row, column]
        assert atlas.part[row, column] == pytest.approx(values.max() / values.sum())


@given(st.integers(0, 10_000))
def test_the_channel_of_a_region_is_the_one_of_largest_magnitude_in_it(seed) -> None:
    maps = random_maps(seed)

    for hold in local_atlas(maps).regions:
        rows, columns = board_regions(8)[hold.region]
        sizes = np.abs(maps[:, rows, columns]).sum(axis=(1, 2))
        assert sizes[hold.channel] == sizes.max()
        assert hold.part == pytest.approx(sizes.max() / sizes.sum())
        assert hold.relevance == pytest.approx(maps[hold.channel, rows, columns].sum())


def test_a_square_without_relevance_has_no_channel() -> None:
    maps = np.zeros((3, 8, 8))
    maps[2, 4, 4] = -1

    atlas = local_atlas(maps)

    assert (atlas.channel == NO_CHANNEL).sum() == 63
    assert set(atlas.channel.ravel()) == {NO_CHANNEL, 2}
    assert [hold.channel for hold in atlas.regions if hold.part] == [2]


def test_turning_the_maps_turns_the_atlas() -> None:
    maps = random_maps(1)

    turned = local_atlas(np.rot90(maps, axes=(1, 2)))

    np.testing.assert_array_equal(turned.channel, np.rot90(local_atlas(maps).channel))
