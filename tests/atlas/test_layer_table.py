import numpy as np
import pytest

from conceptlrp.atlas.layer_table import read_layer
from conceptlrp.store import REFERENCE_KINDS
from tests.atlas.conftest import DEAD, KEPT


@pytest.fixture(scope="module")
def table(store):
    return read_layer(store, "conv1")


def test_shares_are_those_of_the_store(store, table):
    for channel in range(table.channels):
        np.testing.assert_allclose(
            table.share(channel),
            store.scores("conv1", channel, by="share"),
            rtol=1e-6,
        )


def test_statistics_are_means_over_the_positions(store, table):
    share = store.share("conv1")

    np.testing.assert_allclose(table.magnitude, np.abs(share).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(table.mean_share, share.mean(axis=0), atol=1e-7)
    assert table.active[DEAD] == table.relevant[DEAD] == 0
    assert table.order[-1] == DEAD


def test_phases_add_up_to_the_whole(store, table):
    weighted = (table.phase_sizes[:, None] * table.phase_magnitude).sum(axis=0)

    assert table.phase_sizes.sum() == len(store)
    np.testing.assert_allclose(weighted / len(store), table.magnitude, rtol=1e-6)


def test_the_nearest_channel_is_the_one_with_the_largest_cosine(store, table):
    share = store.share("conv1").astype(float)
    unit = share / np.maximum(np.linalg.norm(share, axis=0), 1e-12)
    cosine = unit.T @ unit
    np.fill_diagonal(cosine, -np.inf)

    np.testing.assert_array_equal(table.neighbours[:, 0], cosine.argmax(axis=1))
    np.testing.assert_allclose(table.similarity[:, 0], cosine.max(axis=1), rtol=1e-4)
    assert table.neighbours.shape == (6, 5)


@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_strips_are_the_rankings_of_the_store(store, store_without_maps, kind):
    by, lowest = REFERENCE_KINDS[kind]
    for each in (store, store_without_maps):
        table = read_layer(each, "conv1")

        rows, scores, maps = table.strip(0, kind, 4, each.positions.game)

        expected = each.top("conv1", 0, 4, by=by, lowest=lowest)
        np.testing.assert_array_equal(rows, expected.rows)
        np.testing.assert_allclose(scores, expected.scores, rtol=1e-6)
        assert (maps is None) == (each is store_without_maps)


def test_no_more_boards_come_back_than_the_store_keeps(store, table):
    assert len(table.strip(0, "share-top", 50, store.positions.game)[0]) == KEPT


@pytest.mark.parametrize("kind", REFERENCE_KINDS)
def test_a_dead_channel_has_no_telling_board(store, store_without_maps, kind):
    for each in (store, store_without_maps):
        strip = read_layer(each, "conv1").strip(DEAD, kind, 4, each.positions.game)

        assert len(strip[0]) == 0


def test_mean_maps_average_the_most_relevant_boards(store, table):
    maps = store.references("conv1", "share-top").maps

    np.testing.assert_allclose(table.mean_maps()[0], maps[0].mean(axis=0), atol=1e-6)
    assert not table.mean_maps()[DEAD].any()


def test_a_store_without_maps_has_no_mean_maps(store_without_maps):
    assert read_layer(store_without_maps, "conv1").mean_maps() is None


def test_another_target_has_other_statistics(store, table):
    other = read_layer(store, "conv1", target="value")

    assert not np.allclose(other.magnitude, table.magnitude)
