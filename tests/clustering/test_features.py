import numpy as np
import pytest

from conceptlrp.clustering import cluster_channels
from conceptlrp.clustering.clustering import (
    center_distances,
    cluster_centers,
    marker_effects,
)
from conceptlrp.clustering.estimators import fit_labels, make_estimator
from conceptlrp.clustering.features import (
    BLOCK,
    held_in_memory,
    relevance_features,
    sample_rows,
)
from conceptlrp.clustering.positions import plane_embedding
from tests.clustering.conftest import planted


def test_shares_keep_the_sign_and_add_up_to_one_in_magnitude():
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    share = relevance_features(relevance)

    np.testing.assert_allclose(np.abs(share).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(np.sign(share), np.sign(relevance.astype(np.float32)))


def test_shares_do_not_depend_on_the_size_of_the_output():
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    np.testing.assert_allclose(
        relevance_features(relevance), relevance_features(100 * relevance), rtol=1e-6
    )


def test_l2_features_have_length_one():
    features = relevance_features([[3.0, -4.0]], kind="l2")

    np.testing.assert_allclose(features, [[0.6, -0.8]], rtol=1e-6)


def test_raw_features_are_the_relevance():
    np.testing.assert_array_equal(relevance_features([[3, -4]], kind="raw"), [[3, -4]])


def test_an_unknown_feature_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown feature .l7..*share, raw, l2"):
        relevance_features([[1.0]], kind="l7")


def test_a_flat_array_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(n, C\)"):
        relevance_features([1.0, 2.0, 3.0])


@pytest.mark.parametrize("kind", ["share", "raw", "l2"])
def test_absolute_features_are_magnitudes(kind):
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    absolute = relevance_features(relevance, kind=f"absolute-{kind}")

    signed = relevance_features(relevance, kind=kind)
    np.testing.assert_array_equal(absolute, np.abs(signed))


class CountingTable:
    """A table that keeps in mind how many rows were read at once."""

    def __init__(self, values):
        self.values, self.shape, self.largest = values, values.shape, 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        found = self.values[rows]
        self.largest = max(self.largest, len(found))
        return found


def labels_of(name):
    def label(table):
        model = make_estimator(name, n_clusters=4, seed=0)
        if "n_landmarks" in model.get_params():
            model.set_params(n_landmarks=300)
        return fit_labels(model, table, fit_rows=1000)

    return label


def report(table):
    labels = np.arange(len(table), dtype=np.int32) % 3
    centers = cluster_centers(table, labels, 3)
    marker_effects(table, labels, 3)
    center_distances(table, labels, centers)


READERS = {
    "spectral": labels_of("spectral"),
    "kmeans": labels_of("kmeans"),
    "hdbscan": labels_of("hdbscan"),
    "hierarchical": labels_of("hierarchical"),
    "mixture": labels_of("mixture"),
    "report": report,
    "components": plane_embedding,
    "channels": lambda table: cluster_channels(table, 3),
}


@pytest.mark.parametrize("name", READERS)
def test_no_more_than_a_block_is_read_at_once(name):
    values, _ = planted(3 * BLOCK, 6, 4)
    table = CountingTable(values)

    READERS[name](table)

    assert 0 < table.largest <= BLOCK


def test_small_tables_are_held_and_large_ones_are_not(monkeypatch):
    table = CountingTable(planted(100, 6, 4)[0])

    assert isinstance(held_in_memory(table), np.ndarray)
    monkeypatch.setattr("conceptlrp.clustering.features._HELD_BYTES", 100)
    assert held_in_memory(table) is table


def test_a_sample_is_seeded_ascending_and_without_repetition():
    first, again, other = (sample_rows(1000, 50, seed) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist() != other.tolist()
    assert len(set(first)) == 50
    assert (np.diff(first) > 0).all()
    assert sample_rows(20, 50, 0).tolist() == list(range(20))
