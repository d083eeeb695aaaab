from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.clustering import (
    Stability,
    load_stability,
    save_stability,
)
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store import check_store
from conceptlrp.store.finish import finish_run
from conceptlrp.store.writer import create_run
from tests.clustering.conftest import clustered
from tests.store.conftest import (
    fill,
    planted_arrays,
    planted_corpus,
    planted_plan,
)


@pytest.fixture
def blob_store(blob_store, tmp_path):
    """Return the store of blobs, in the folder of a complete store."""
    corpus = planted_corpus()
    blob_store.path = tmp_path / "run.crp"
    create_run(blob_store.path, planted_plan(corpus), corpus)
    fill(blob_store.path, planted_arrays(corpus))
    finish_run(blob_store.path)
    return blob_store


@pytest.fixture
def clustering(blob_store):
    return clustered(blob_store, "conv2", n_clusters=3)


@pytest.fixture
def stability():
    return Stability(0.8125, 0.0125, np.array([0.9, 0.5, 0.125]))


def test_a_stability_is_read_as_it_was_saved(blob_store, clustering, stability):
    path = save_stability(stability, clustering, blob_store)

    found = load_stability(blob_store, clustering)

    assert found is not None
    assert (found.agreement, found.error) == (0.8125, 0.0125)
    np.testing.assert_array_equal(found.jaccard, stability.jaccard)
    assert path.parent == blob_store.path
    assert check_store(blob_store.path).is_good


def test_a_store_may_have_no_stability(blob_store, clustering):
    assert load_stability(blob_store, clustering) is None


def test_the_stability_of_other_clusters_is_not_taken(
    blob_store, clustering, stability
):
    save_stability(stability, clustering, blob_store)

    other = replace(clustering, labels=np.roll(clustering.labels, 1))

    assert load_stability(blob_store, other) is None


def test_a_stability_is_replaced_only_when_asked(blob_store, clustering, stability):
    save_stability(stability, clustering, blob_store)

    with pytest.raises(OutputExistsError):
        save_stability(stability, clustering, blob_store)

    save_stability(stability, clustering, blob_store, overwrite=True)


def test_a_stability_of_another_number_of_clusters_is_refused(blob_store, clustering):
    with pytest.raises(ValueError, match="stability of 2 clusters, expected that of 3"):
        save_stability(Stability(1.0, 0.0, np.ones(2)), clustering, blob_store)


def test_a_damaged_file_is_an_error_of_the_store(blob_store, clustering, stability):
    path = save_stability(stability, clustering, blob_store)
    path.write_bytes(b"nothing")

    with pytest.raises(StoreError):
        load_stability(blob_store, clustering)
