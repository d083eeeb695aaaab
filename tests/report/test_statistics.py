import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from conceptlrp.report import statistics as module
from conceptlrp.report.statistics import (
    channel_statistics,
    histogram,
    layer_statistics,
    read_columns,
)
from tests.atlas.conftest import DEAD

VALUES = arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.one_of(st.just(0.0), st.floats(-1e6, 1e6, width=32)),
)


@given(VALUES)
def test_a_histogram_counts_every_number_once_in_its_bin(values):
    found = histogram(values)

    # Compared with a float, a number in single precision would round it.
    values = values.astype(np.float64)
    assert found.zeros == (values == 0).sum()
    assert sum(found.counts) + found.zeros == len(values)
    for place, count in enumerate(found.counts):
        low, high = found.edges[place : place + 2]
        is_last = place == len(found.counts) - 1
        below = values <= high if is_last else values < high
        assert count == ((values >= low) & below & (values != 0)).sum()


def test_edges_between_numbers_that_hardly_differ_are_distinct():
    one = np.float32(1)

    found = histogram(np.array([one, np.nextafter(one, np.float32(2))]))

    assert len(set(found.edges)) == len(found.counts) + 1
    assert (found.counts[0], found.counts[-1]) == (1, 1)


def test_a_histogram_of_nothing_but_zeros_has_no_bins():
    found = histogram(np.zeros(3))

    assert (found.counts, found.edges, found.zeros) == ((), (), 3)


@pytest.mark.parametrize("numbers", [1, 3_000, 1 << 22])
def test_columns_are_those_of_the_store_however_many_fit(
    numbers, kept_store, monkeypatch
):
    monkeypatch.setattr(module, "_GROUP", numbers)
    groups = list(read_columns(kept_store, "conv1", range(6), target="value"))

    columns = [column for group in groups for column in group]
    assert [column.channel for column in columns] == list(range(6))
    assert len(groups) == (2 if numbers < 1 << 22 else 1)
    for column in columns:
        for name in ("relevance", "share", "activation"):
            expected = kept_store.scores(
                "conv1", column.channel, by=name, target="value"
            )
            np.testing.assert_array_equal(getattr(column, name), expected)


def test_statistics_of_a_channel_are_those_of_plain_numpy(kept_store):
    layer = layer_statistics(kept_store, "conv1")
    (columns,) = read_columns(kept_store, "conv1", range(6))

    for column in columns:
        found = channel_statistics(column, layer)

        share = kept_store.scores("conv1", column.channel)
        assert found.positions == len(kept_store)
        assert found.magnitude == pytest.approx(np.abs(share).mean(), rel=1e-5)
        assert found.dead == (column.channel == DEAD)
        for level, value in found.share_quantiles:
            place = round(level * (len(share) - 1))
            assert value == np.sort(share)[place]
        assert found.relevance.zeros == (column.relevance == 0).sum()


class Planted:
    """The part of a store that statistics need."""

    def __init__(self, share, activation, ply, moves):
        self.tables = share, activation
        self.moves = moves
        self.ply = ply
        self.arrays = self.columns = self.metadata = self

    def __len__(self):
        return len(self.ply)

    def of_positions(self, _name):
        return self.ply

    def explained_square(self, *, rows, **_options):
        return self.moves[rows]

    def channels(self, _layer):
        return self.tables[0].shape[1]

    def relevance(self, _layer, *, rows, **_options):
        return self.tables[0][rows]

    def norm(self, _layer, rows, _target):
        return np.ones(len(self.ply[rows]), np.float32)

    def activation(self, _layer, *, rows, **_options):
        return self.tables[1][rows]


@st.composite
def planted(draw):
    n, c = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    share = random.normal(size=(n, c)) * (random.random((n, c)) < 0.7)
    activation = random.random((n, c)) * (random.random(c) < 0.7)
    ply = random.integers(0, 60, n).astype(np.uint8)
    moves = random.integers(-1, 65, n).astype(np.int8)
    return Planted(share.astype(np.float32), activation.astype(np.float32), ply, moves)


@given(planted(), st.integers(1, 50))
def test_statistics_are_those_of_plain_numpy_whatever_the_blocks(store, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = layer_statistics(store, "conv")

    share, activation = (table.astype(np.float64) for table in store.tables)
    np.testing.assert_allclose(found.magnitude, np.abs(share).mean(0), rtol=1e-9)
    np.testing.assert_allclose(found.mean_share, share.mean(0), atol=1e-9)
    np.testing.assert_array_equal(found.active, (activation != 0).mean(0))
    np.testing.assert_array_equal(found.relevant, (share != 0).mean(0))
    assert found.positions == len(store)


@given(planted(), st.integers(1, 50))
def test_phases_are_those_of_plain_numpy_whatever_the_blocks(store, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = layer_statistics(store, "conv")

    share, activation = store.tables
    for number, size in enumerate(found.phase_sizes):
        inside = store.ply // 10 == number
        assert size == inside.sum()
        if size == 0:
            assert np.isnan(found.phase_magnitude[number]).all()
            continue
        magnitude = np.abs(share[inside].astype(np.float64)).mean(0)
        np.testing.assert_allclose(found.phase_magnitude[number], magnitude)
        active = (activation[inside] != 0).mean(0)
        np.testing.assert_allclose(found.phase_active[number], active)


@given(planted(), st.integers(1, 50))
def test_moves_are_those_of_plain_numpy_whatever_the_blocks(store, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = layer_statistics(store, "conv")

    for move in range(65):
        share = store.tables[0][store.moves == move].astype(np.float64)
        assert found.move_sizes[move] == len(share)
        means = found.move_magnitude[move], found.move_share[move]
        if len(share):
            np.testing.assert_allclose(means[0], np.abs(share).mean(0), rtol=1e-5)
            np.testing.assert_allclose(means[1], share.mean(0), atol=1e-5)
        else:
            assert np.isnan(means).all()


@given(planted())
def test_channels_alike_are_those_with_the_largest_cosine(store):
    found = layer_statistics(store, "conv")

    share = store.tables[0].astype(np.float64)
    length = np.linalg.norm(share, axis=0)
    for channel in range(store.channels("conv")):
        others = [c for c in range(share.shape[1]) if c != channel]
        scale = length[channel] * length[others]
        cosine = share[:, others].T @ share[:, channel] / np.where(scale > 0, scale, 1)
        expected = np.sort(cosine)[::-1]
        np.testing.assert_allclose(found.similarity[channel], expected, atol=1e-5)
        assert set(found.neighbours[channel].tolist()) == set(others)


def test_ranks_put_the_largest_channel_first_and_a_dead_one_last(kept_store):
    found = layer_statistics(kept_store, "conv1")

    assert found.ranks[found.magnitude.argmax()] == 0
    assert found.ranks[DEAD] == found.channels - 1
    np.testing.assert_array_equal(found.order[found.ranks], np.arange(6))
