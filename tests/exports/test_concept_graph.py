import json
import sys

import networkx as nx
import pytest

from conceptlrp import exports
from conceptlrp.concept_graph import MeanConceptGraph, to_networkx
from conceptlrp.errors import ConceptLRPError, OutputExistsError, StoreError
from tests.exports.conftest import HOSTILE_LAYER, PLAIN


def read(path, kind):
    if kind == "graphml":
        return nx.read_graphml(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    return nx.node_link_graph(content, edges="edges")


@pytest.mark.parametrize("target", ["played", "value"])
@pytest.mark.parametrize("kind", ["graphml", "node-link"])
def test_networkx_reads_the_graph_of_the_store(store, tmp_path, kind, target):
    path = getattr(exports, kind.replace("-", "_"))(
        store, tmp_path / "graph", target=target
    )

    found = read(path, kind)

    expected = to_networkx(store.results.get(MeanConceptGraph), target=target)
    assert isinstance(found, nx.DiGraph)
    assert dict(found.nodes(data=True)) == dict(expected.nodes(data=True))
    assert set(found.edges) == set(expected.edges)
    for edge, data in expected.edges.items():
        assert found.edges[edge] == pytest.approx(data)
    assert f"{HOSTILE_LAYER}:3" in found
    about = json.loads(found.graph["conceptlrp"])
    assert (about["target"], about["positions"]) == (target, 40)


def test_fewer_edges_of_each_node_can_be_kept(store, tmp_path):
    path = exports.graphml(store, tmp_path / "graph", strongest=2)

    found = nx.read_graphml(path)

    assert {found.out_degree(f"{HOSTILE_LAYER}:{c}") for c in range(4)} == {2}
    assert found.out_degree(f"{PLAIN}:0") == 0


@pytest.mark.parametrize("kind", ["graphml", "node-link"])
def test_the_same_store_gives_the_same_bytes(store, tmp_path, kind):
    first = getattr(exports, kind.replace("-", "_"))(store, tmp_path / "first")
    second = getattr(exports, kind.replace("-", "_"))(store, tmp_path / "second")

    assert first.read_bytes() == second.read_bytes()


def test_a_store_without_a_graph_says_how_to_make_one(bare_store, tmp_path):
    with pytest.raises(StoreError, match="run 'conceptlrp graph'"):
        exports.graphml(bare_store, tmp_path / "graph")


def test_a_missing_networkx_is_named_with_its_remedy(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)

    with pytest.raises(ConceptLRPError, match=r"networkx; pip install 'conceptlrp\["):
        exports.graphml(store, tmp_path / "graph")

    assert not list(tmp_path.iterdir())


def test_another_graph_is_never_replaced(store, tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "mine.graphml")

    with pytest.raises(OutputExistsError, match="not of the kind to be written"):
        exports.graphml(store, tmp_path / "mine.graphml", overwrite=True)

    assert len(nx.read_graphml(tmp_path / "mine.graphml")) == 3
