"""Tables are read in blocks: memory does not grow with the number of positions."""

import numpy as np
import pytest

from conceptlrp.clustering import cluster_channels, concept_directions, fit_prototypes
from conceptlrp.clustering.blocks import BLOCK, held_in_memory, sample_rows
from conceptlrp.clustering.embeddings import plane_embedding
from conceptlrp.clustering.estimators import fit_labels, make_estimator
from conceptlrp.clustering.markers import (
    center_distances,
    cluster_centers,
    marker_effects,
)
from tests.clustering.conftest import planted


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
    "directions": lambda table: concept_directions(table, 3, fit_rows=500),
    "prototypes": lambda table: fit_prototypes(table, 3, fit_rows=500).outliers(table),
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
    monkeypatch.setattr("conceptlrp.clustering.blocks._HELD_BYTES", 100)
    assert held_in_memory(table) is table


def test_a_sample_is_seeded_ascending_and_without_repetition():
    first, again, other = (sample_rows(1000, 50, seed) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist() != other.tolist()
    assert len(set(first)) == 50
    assert (np.diff(first) > 0).all()
    assert sample_rows(20, 50, 0).tolist() == list(range(20))
