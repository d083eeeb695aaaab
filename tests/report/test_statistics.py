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
