"""The concept graph in the folder of a store."""

import shutil
from dataclasses import replace

import h5py
import networkx as nx
import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.concept_graph import (
    load_graph,
    mean_concept_graph,
    node_link,
    save_graph,
    strongest_paths,
)
from conceptlrp.concept_graph.file import GRAPH
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.lrp import Explainer
from conceptlrp.store import check_store
from conceptlrp.store.derived import save_derived
from conceptlrp.store.finish import finish_run
from tests.lrp.conftest import random_corpus

TARGETS = ["best", "value"]


@pytest.fixture(scope="module")
def whole(small_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "run.crp"
    corpus = random_corpus(3).sample(11, seed=1)
    return cl.attribute_corpus(small_network, corpus, path, targets=TARGETS)


@pytest.fixture(scope="module")
def graph(small_network, whole):
    explainer = Explainer(small_network, layers=whole.layers)
    return mean_concept_graph(explainer, whole.positions, targets=TARGETS)


@pytest.fixture
def store(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run.crp")
    return cl.open_store(tmp_path / "run.crp")


def test_a_loaded_graph_is_the_saved_one_in_single_precision(store, graph):
    path = save_graph(graph, store)

    found = load_graph(store)

    assert path.name == "concept-graph.h5"
    assert (found.targets, found.layers) == (graph.targets, graph.layers)
    assert found.positions == 11
    for flows, expected in ((found.nodes, graph.nodes), (found.edges, graph.edges)):
        assert list(flows) == list(expected)
        for name, flow in flows.items():
            assert flow.signed.dtype == np.float64
            for kind in ("signed", "absolute"):
                rounded = getattr(expected[name], kind).astype(np.float32)
                np.testing.assert_array_equal(getattr(flow, kind), rounded)
    assert check_store(store.path).is_good


def test_a_loaded_graph_has_the_same_strongest_paths(store, graph):
    save_graph(graph, store)

    found = load_graph(store)

    for target in TARGETS:
        expected = strongest_paths(graph, 5, target=target)
        paths = strongest_paths(found, 5, target=target)
        assert [path.nodes for path in paths] == [path.nodes for path in expected]
        strengths = [path.strength for path in paths]
        np.testing.assert_allclose(strengths, [p.strength for p in expected], rtol=1e-5)


def test_the_nodes_of_a_graph_are_means_of_what_the_store_holds(store, graph):
    save_graph(graph, store)

    found = load_graph(store)

    for layer in store.layers:
        relevance = store.relevance(layer, target="value")
        flow = found.nodes[layer]
        np.testing.assert_allclose(flow.signed[1], relevance.mean(axis=0), atol=1e-5)
        magnitude = np.abs(relevance).mean(axis=0)
        np.testing.assert_allclose(flow.absolute[1], magnitude, atol=1e-5)


def test_a_store_without_a_graph_has_none(store):
    assert load_graph(store) is None


def test_a_graph_is_replaced_only_when_asked(store, graph):
    content = save_graph(graph, store).read_bytes()

    with pytest.raises(OutputExistsError, match="exists already"):
        save_graph(graph, store)
    save_graph(graph, store, overwrite=True)
    finish_run(store.path)

    assert (store.path / GRAPH).read_bytes() == content
    assert load_graph(store) is not None


def test_a_graph_of_other_targets_layers_or_channels_is_refused(store, graph):
    other = Flow(np.ones((2, 9)), np.ones((2, 9)))
    for changes, message in (
        ({"targets": ("best", "d3")}, "has targets best, d3 and layers .*, the store"),
        ({"layers": ("conv1",)}, "and layers conv1, the store has best, value and con"),
        ({"nodes": {**graph.nodes, "conv2": other}}, "relevance of conv2 has shape"),
    ):
        with pytest.raises(StoreError, match=message):
            save_graph(replace(graph, **changes), store)

    assert not (store.path / GRAPH).exists()


def test_a_graph_may_have_layers_between_those_of_the_store(
    small_network, graph, tmp_path
):
    few = cl.attribute_corpus(
        small_network,
        random_corpus(1)[:4],
        tmp_path / "few.crp",
        targets=TARGETS,
        layers=["conv1", "conv4"],
    )

    save_graph(graph, few)

    assert load_graph(few).layers == ("conv1", "conv2", "conv3", "conv4")


def spoil_targets(file):
    file.attrs.create("targets", '["best", "d3"]', dtype="S14")


def spoil_text(file):
    file.attrs.create("targets", "best", dtype="S4")


def spoil_network(file):
    file.attrs.create("network", "abab", dtype="S4")


def spoil_layer(file):
    file["5"].attrs.create("upper", "conv9", dtype="S5")


def spoil_flow(file):
    del file["5/absolute"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_targets, "the graph has targets best, d3 and layers"),
        (spoil_text, "is damaged"),
        (spoil_network, "made from network abab, the store has"),
        (spoil_layer, "is damaged"),
        (spoil_flow, "is damaged"),
    ],
)
def test_a_listed_file_of_wrong_content_is_refused(
    store, graph, tmp_path, spoil, message
):
    path = save_graph(graph, store)
    copy = tmp_path / "copy.h5"
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        spoil(file)
    save_derived(store.path, GRAPH, copy.read_bytes(), overwrite=True)

    with pytest.raises(StoreError, match=message) as error:
        load_graph(store)

    assert str(path) in str(error.value)


def test_a_truncated_file_is_refused(store, graph):
    path = save_graph(graph, store)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(StoreError, match=r"concept-graph\.h5: is missing or damaged"):
        load_graph(store)


def test_a_saved_graph_is_exported_for_networkx(store, graph):
    save_graph(graph, store)

    exported = node_link(load_graph(store), target="best", strongest=2)

    found = nx.node_link_graph(exported, edges="edges")
    assert nx.is_directed_acyclic_graph(found)
    assert max(degree for _, degree in found.out_degree()) == 2
