import json
from types import SimpleNamespace

import numpy as np
import pytest

from conceptlrp.clustering import (
    describe_clusters,
)
from conceptlrp.clustering.features import position_features
from tests.clustering.conftest import clustered


@pytest.fixture
def described(blob_store, blobs):
    """Six planted clusters, a label of one of them, and what is said of them."""
    plies = np.arange(900) * 7 % 60
    found = clustered(blob_store, "conv2", n_clusters=6, stability=True, repeats=4)
    columns = {"planted": blobs[1] == blobs[1][0], "even": np.arange(900) % 2 == 0}
    corpus = SimpleNamespace(ply=plies)
    records = describe_clusters(found, corpus, columns=columns, count=4)
    return found, records, plies


def test_every_cluster_has_its_size_phases_and_boards(described):
    found, records, plies = described

    assert [each.size for each in records] == found.sizes.tolist()
    assert sum(each.part for each in records) == pytest.approx(1)
    for each in records:
        members = found.members(each.cluster)
        phases = np.bincount(plies[members] // 10, minlength=6)
        assert each.phases == tuple(phases)
        assert set(each.typical) | set(each.random) <= set(members)
        assert len(each.random) == 4
        assert each.jaccard > 0.95


def test_the_medoid_has_the_least_squared_distance_to_its_cluster(
    described, blob_store
):
    found, records, _ = described

    features = position_features(blob_store, "conv2")[slice(None)]
    for each in records:
        members = found.members(each.cluster)
        points = features[members].astype(float)
        squared = np.square(points[:, None] - points).sum(axis=(1, 2))
        assert each.medoid == members[squared.argmin()]


def test_the_planted_label_is_told_of_its_cluster(described, blobs):
    found, records, _ = described

    own = int(found.labels[0])
    assert [label.label for label in records[own].enriched] == ["planted"]
    assert records[own].enriched[0].inside > 0.95
    for each in records:
        assert "even" not in [label.label for label in each.enriched]


def test_a_stability_that_was_not_measured_is_none(blob_store):
    found = clustered(blob_store, "conv1", n_clusters=3)

    record = describe_clusters(found, SimpleNamespace(ply=np.zeros(900, int)))[0]

    assert record.jaccard is None


def test_a_description_can_be_written_as_json(described):
    records = described[1]

    found = json.loads(json.dumps([each.to_dict() for each in records]))

    assert found[0]["markers"][0]["channel"] == records[0].markers[0].channel
    assert found[0]["phases"] == list(records[0].phases)
