"""The verb that averages the graph of a store."""

import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.concept_graph import MeanConceptGraph, mean_concept_graph
from conceptlrp.errors import CompositeError, NetworkError, OutputExistsError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp._zennit import Epsilon, LayerMapComposite, Linear, layer_map_base
from conceptlrp.networks import OthelloNet
from tests.lrp.conftest import random_corpus, randomize

TARGETS = ("played", "value")


@pytest.fixture
def corpus():
    return random_corpus(2)[:8]


@pytest.fixture
def store(small_network, corpus, tmp_path):
    return cl.attribute_corpus(
        small_network,
        corpus,
        tmp_path / "run.crp",
        targets=TARGETS,
        layers=["conv1", "conv4"],
    )


def test_the_graph_is_that_of_the_positions_and_kept(store, small_network, corpus):
    steps = []

    found = cl.graph(store, small_network, on_progress=lambda *step: steps.append(step))

    expected = mean_concept_graph(Explainer(small_network), corpus, targets=TARGETS)
    kept = store.results.get(MeanConceptGraph)
    # The store has conv1 and conv4 alone; what is between them joins them.
    assert found.layers == kept.layers == ("conv1", "conv2", "conv3", "conv4")
    for pair, flow in expected.edges.items():
        np.testing.assert_array_equal(found.edges[pair].signed, flow.signed)
        np.testing.assert_allclose(kept.edges[pair].signed, flow.signed, rtol=1e-6)
    assert steps[-1] == ("graph", 8, 8)


def test_positions_are_drawn_by_the_seed(store, small_network):
    drawn = [
        cl.graph(store, small_network, n_positions=3, seed=seed, save=False)
        for seed in (1, 1, 2)
    ]

    sums = [graph.nodes["conv1"].absolute.sum() for graph in drawn]
    assert sums[0] == sums[1] != sums[2]
    assert drawn[0].positions == 3
    assert store.results.get(MeanConceptGraph) is None


def test_a_graph_is_replaced_only_when_that_is_asked_for(store, small_network):
    cl.graph(store, small_network, n_positions=2)

    with pytest.raises(OutputExistsError):
        cl.graph(store, small_network, n_positions=3)
    cl.graph(store, small_network, n_positions=3, overwrite=True)

    assert store.results.get(MeanConceptGraph).positions == 3


def test_another_network_or_an_unknown_composite_is_refused(
    store, small_network, corpus, tmp_path
):
    with pytest.raises(NetworkError, match="the store explains"):
        cl.graph(store, randomize(OthelloNet(channels=6), seed=9))
    own = LayerMapComposite([*layer_map_base(), (Linear, Epsilon())])
    made = cl.attribute_corpus(
        small_network, corpus, tmp_path / "own.crp", composite=own
    )

    with pytest.raises(CompositeError, match="given the composite itself"):
        cl.graph(made, small_network)
    assert cl.graph(made, small_network, composite=own).positions == 8
