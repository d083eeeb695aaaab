"""A small store with hostile names, labels and clusterings, to be exported."""

import numpy as np
import pytest

from conceptlrp.clustering import cluster
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.store import open_store
from tests.atlas.conftest import write_store

#: Layers of the store; the names of the second are unfit for files and groups.
PLAIN, HOSTILE_LAYER = "conv1", "trunk/<b>3"


def dress(store):
    """Add labels of every type, a clustering of each layer and a graph."""
    random = np.random.default_rng(1)
    n = len(store)
    known = random.random(n).astype(np.float32)
    known[::3] = np.nan
    store.columns.add(
        {
            "corner": random.random(n) < 0.3,
            "frontier +2": random.integers(0, 9, n),
            "part": known,
        }
    )
    for layer in store.layers:
        cluster(store, layer, estimator="kmeans", n_clusters=3, target="played")
    store.results.save(planted_graph(store))
    return open_store(store.path)


@pytest.fixture(scope="package")
def store(tmp_path_factory):
    return dress(write_store(tmp_path_factory.mktemp("exports") / "run.crp"))


@pytest.fixture(scope="package")
def bare_store(tmp_path_factory):
    """One of a 6 x 6 board without labels, clusterings and reference boards."""
    folder = tmp_path_factory.mktemp("exports")
    return write_store(folder / "run.crp", size=6, references=False)


def planted_graph(store):
    """A concept graph with random flows, the later layer on top."""
    random = np.random.default_rng(5)
    lower, upper = store.layers
    targets = len(store.targets)
    c, d = store.channels(upper), store.channels(lower)

    def flow(*shape):
        signed = random.normal(size=shape)
        return Flow(signed, np.abs(signed) + random.random(shape))

    nodes = {lower: flow(targets, d), upper: flow(targets, c)}
    edges = {(upper, lower): flow(targets, c, d)}
    return MeanConceptGraph(store.targets, store.layers, nodes, edges, 40)
