"""The concept graph of a corpus: means, strongest paths, and exports."""

import itertools
import json
import sys

import networkx as nx
import numpy as np
import pytest

from conceptlrp.concept_graph import (
    MeanConceptGraph,
    mean_concept_graph,
    node_link,
    strongest_paths,
    to_networkx,
)
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.errors import ConceptLRPError, TargetError
from conceptlrp.lrp import Explainer
from conceptlrp.networks import ResidualTower
from tests.lrp.conftest import random_corpus, randomize


@pytest.fixture(scope="module")
def positions():
    return random_corpus(3).sample(11, seed=1)


@pytest.fixture(scope="module")
def explainer(small_network):
    return Explainer(small_network, dtype="float64")


@pytest.fixture(scope="module")
def graph(explainer, positions):
    return mean_concept_graph(
        explainer, positions, targets=["played", "value"], batch_size=4
    )


def random_graph(layers, pairs, *, channels=3, seed=0):
    """A graph over any layers, with flows that need not add up."""
    random = np.random.default_rng(seed)

    def flow(*shape):
        return Flow(random.normal(size=shape), random.exponential(size=shape))

    return MeanConceptGraph(
        ("d3", "value"),
        layers,
        {layer: flow(2, channels) for layer in layers},
        {pair: flow(2, channels, channels) for pair in pairs},
        1,
    )


def every_path(graph, target):
    """Walk all ways from the target down; strength by nodes."""
    found = {}

    def walk(nodes, strength):
        layer, channel = nodes[-1]
        if not graph.below(layer):
            found[nodes] = strength
        for low, share in graph.shares(layer, target).items():
            for d, part in enumerate(share[channel]):
                walk((*nodes, (low, d)), strength * part)

    for layer, share in graph.target_shares(target).items():
        for c, part in enumerate(share):
            walk(((layer, c),), part)
    return found


def test_means_are_those_of_single_positions(explainer, positions, graph):
    parts = explainer.concept_graph(
        positions, targets=["played", "value"], per_position=True
    )
    relevance = explainer.attribute(positions, targets=["played", "value"])

    for pair, edges in parts.edges.items():
        found = graph.edges[pair]
        np.testing.assert_allclose(found.signed, edges.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(
            found.absolute, np.abs(edges).mean(axis=0), atol=1e-12
        )
    for layer, found in graph.nodes.items():
        channels = relevance.channel_relevance[layer]
        np.testing.assert_allclose(found.signed, channels.mean(axis=0), atol=1e-12)
    assert graph.positions == 11
    assert graph.top_layers == ("conv4",)


def test_batches_change_nothing_beyond_rounding(explainer, positions, graph):
    other = mean_concept_graph(
        explainer, positions, targets=["played", "value"], batch_size=11
    )

    for pair, flow in graph.edges.items():
        np.testing.assert_allclose(other.edges[pair].signed, flow.signed, atol=1e-12)


def test_what_a_tower_sends_along_skip_connections_is_in_the_graph(positions):
    tower = randomize(ResidualTower(channels=4, blocks=2, value_units=8))
    explainer = Explainer(tower, composite="epsilon", dtype="float64")

    found = mean_concept_graph(explainer, positions, targets=["played", "value"])

    assert found.top_layers == ("policy_head.conv", "value_head.conv")
    assert found.below("tower.1.relu2") == ("tower.1.conv2", "tower.0.relu2")
    for layer in explainer.layers:
        uppers = [up for up, low in found.edges if low == layer]
        arrived = sum(found.edges[up, layer].signed.sum(axis=1) for up in uppers)
        if uppers:
            np.testing.assert_allclose(arrived, found.nodes[layer].signed, atol=1e-10)
    assert not found.target_shares("played")["value_head.conv"].any()
    best = strongest_paths(found, 1, target="value")[0]
    assert best.nodes[0][0] == "value_head.conv"
    assert best.nodes[-1][0] == "stem.conv"


LINE = (("a", "b", "c"), [("b", "a"), ("c", "b")])
SKIP = (("a", "b", "c", "d"), [("b", "a"), ("c", "b"), ("c", "a"), ("d", "b")])


@pytest.mark.parametrize(("layers", "pairs"), [LINE, SKIP], ids=["line", "skip"])
@pytest.mark.parametrize("target", [0, "value"])
def test_the_strongest_paths_are_those_of_a_search_through_all(layers, pairs, target):
    graph = random_graph(layers, pairs)

    found = strongest_paths(graph, 20, target=target)

    every = every_path(graph, target)
    expected = sorted(every, key=every.get, reverse=True)[:20]
    assert [path.nodes for path in found] == expected
    strengths = [path.strength for path in found]
    np.testing.assert_allclose(strengths, [every[nodes] for nodes in expected])
    assert sum(every.values()) == pytest.approx(1)


def test_a_path_carries_the_signed_relevance_of_its_edges():
    graph = random_graph(*LINE)

    path = strongest_paths(graph, 1)[0]

    (c, b, a) = (channel for _, channel in path.nodes)
    assert path.target == "d3"
    assert path.relevance == (
        graph.nodes["c"].signed[0, c],
        graph.edges["c", "b"].signed[0, c, b],
        graph.edges["b", "a"].signed[0, b, a],
    )


def test_dead_channels_have_no_paths():
    graph = random_graph(*LINE, channels=2)
    graph.edges["c", "b"].absolute[:, 0] = 0
    graph.edges["b", "a"].absolute[:, :, 1] = 0

    found = strongest_paths(graph, 50)

    assert len(found) == 2
    assert all(path.nodes[0] == ("c", 1) for path in found)
    assert all(path.nodes[2] == ("a", 0) for path in found)


def test_json_holds_every_node_and_the_strongest_edges(graph):
    found = json.loads(json.dumps(node_link(graph, target="value", strongest=2)))

    names = [node["id"] for node in found["nodes"]]
    assert len(names) == len(set(names)) == 1 + 4 * 6
    assert found["graph"] == {"target": "value", "positions": 11}
    by_source = itertools.groupby(found["edges"], key=lambda edge: edge["source"])
    for source, edges in by_source:
        sent = [edge["absolute"] for edge in edges]
        assert 1 <= len(sent) <= 2
        layer, channel = source.split(":")
        if layer == "conv3":
            flow = graph.edges["conv3", "conv2"].absolute[1, int(channel)]
            assert sent == sorted(flow.tolist(), reverse=True)[: len(sent)]


def test_networkx_reads_the_whole_graph(graph):
    found = to_networkx(graph, strongest=None)

    assert isinstance(found, nx.DiGraph)
    assert nx.is_directed_acyclic_graph(found)
    sent = found.out_edges("target:played", data="share")
    assert sum(share for _, _, share in sent) == pytest.approx(1)
    edge = found.edges["conv2:1", "conv1:3"]
    assert edge["relevance"] == graph.edges["conv2", "conv1"].signed[0, 1, 3]
    assert found.nodes["conv2:1"]["layer"] == "conv2"


def test_networkx_that_is_not_installed_is_named(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)

    with pytest.raises(ConceptLRPError, match=r"pip install 'conceptlrp\[export\]'"):
        to_networkx(graph)


def test_unknown_targets_and_numbers_are_refused(graph):
    with pytest.raises(TargetError, match="no target 'd3', expected one of played, va"):
        strongest_paths(graph, target="d3")
    with pytest.raises(ValueError, match="k is 0, expected at least 1"):
        strongest_paths(graph, 0)


def test_a_graph_is_a_table_and_a_dict_and_says_how_large_it_is(graph):
    table = graph.frame("value")

    conv2 = table[(table["upper"] == "conv2") & (table["channel"] == 4)]
    np.testing.assert_array_equal(
        conv2["relevance"], graph.edges["conv2", "conv1"].signed[1, 4]
    )
    assert len(graph.to_dict()["nodes"]) == 1 + 4 * 6
    assert repr(graph) == (
        "MeanConceptGraph(played, value; conv1 (6), conv2 (6), conv3 (6), conv4 (6); "
        "11 positions)"
    )
    assert "<table" in graph._repr_html_()
