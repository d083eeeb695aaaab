"""The verb graph."""

import json
import shutil
import sys

import networkx as nx
import pytest

from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.othello import square_name
from conceptlrp.store import check_store, open_store
from tests.command_line import assert_one_line, run, succeed


@pytest.fixture
def store(folder, tmp_path):
    shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    return tmp_path / "run.crp"


@pytest.fixture
def network(folder):
    return ("--network", folder / "net.safetensors")


def test_a_graph_is_kept_in_the_store_and_its_paths_are_shown(store, network):
    text = succeed("graph", store, *network, "--positions", 6, "--count", 3)

    found = open_store(store).results.get(MeanConceptGraph)
    assert found.targets == ("played", "value")
    assert found.positions == 6
    assert "strongest paths of 'played' over 6 positions" in text
    # The store has conv1 and conv4 alone; what is between them joins them.
    assert found.layers == ("conv1", "conv2", "conv3", "conv4")
    assert text.count("conv4:") == text.count("conv2:") == 3
    assert check_store(store).is_good


def test_a_kept_graph_is_shown_without_a_network(store, network):
    succeed("graph", store, *network, "--positions", 6)

    text = succeed("graph", store, "--target", "value", "--count", 1)

    assert "strongest paths of 'value' over 6 positions" in text


@pytest.mark.parametrize("suffix", [".json", ".graphml", ".gexf"])
def test_a_graph_is_exported(store, network, tmp_path, suffix):
    out = tmp_path / f"graph{suffix}"

    succeed("graph", store, *network, "--out", out, "--strongest", 2)

    if suffix == ".json":
        found = nx.node_link_graph(json.loads(out.read_text()), edges="edges")
    else:
        read = nx.read_graphml if suffix == ".graphml" else nx.read_gexf
        found = read(out)
    assert nx.is_directed_acyclic_graph(found)
    sent = found.out_edges("target:played", data="share")
    assert len(sent) == 2
    assert all(0 < share < 1 for _, _, share in sent)


def test_the_paths_of_one_move_are_shown_and_not_kept(store, network):
    moves = open_store(store).positions.position(3).legal_moves
    name = square_name(moves[-1], 8)

    text = succeed("graph", store, *network, "--position", 3, "--move", name)

    assert f"strongest paths of '{name}' over 1 position\n" in text
    assert open_store(store).results.get(MeanConceptGraph) is None


def test_what_is_there_is_kept_unless_told_otherwise(store, network, tmp_path):
    succeed("graph", store, *network, "--positions", 2)
    out = tmp_path / "graph.json"

    again = run("graph", store, *network, "--out", out)

    assert_one_line(again, 1, r"graph-\w+\.h5: exists already; pass overwrite")
    assert not out.exists()
    succeed("graph", store, *network, "--positions", 3, "--overwrite")
    assert open_store(store).results.get(MeanConceptGraph).positions == 3


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--network", "demo"), 1, "demo: is network .*, the store explains"),
        (("--target", "d3"), 1, "no target 'd3', expected one of played, value"),
        (("--out", "graph.png"), 2, "--out is '.png', expected one of .json"),
        (("--out", "nowhere/graph.json"), 1, "nowhere: no such file"),
        (("--move", "d3"), 2, "--move needs a --position"),
        (
            ("--network", "demo", "--position", 1, "--move", "d3", "--target", "value"),
            2,
            "give one of --move and --target",
        ),
        (("--positions", 0), 2, "invalid value for .--positions."),
    ],
)
def test_a_wrong_call_is_one_line_and_keeps_nothing(store, options, code, message):
    before = sorted(store.iterdir())

    result = run("graph", store, *options)

    assert_one_line(result, code, message)
    assert sorted(store.iterdir()) == before


def test_a_position_or_move_that_is_not_there_is_refused(store, network):
    far = run("graph", store, *network, "--position", 30)
    illegal = run("graph", store, *network, "--position", 0, "--move", "a1")

    assert_one_line(far, 1, "has no row 30, expected 0 to 29")
    assert_one_line(illegal, 1, "target 'a1' at position 0: 'a1' is not legal")


def test_an_export_that_needs_networkx_says_so_first(
    store, network, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "networkx", None)

    result = run("graph", store, *network, "--out", tmp_path / "graph.gexf")

    assert_one_line(result, 1, r"needs networkx; pip install 'conceptlrp\[export\]'")
    assert open_store(store).results.get(MeanConceptGraph) is None


def test_a_composite_that_is_no_preset_is_told_of(store, network, monkeypatch):
    from conceptlrp.lrp import COMPOSITES
    from conceptlrp.lrp.composites import split_pair

    name = open_store(store).manifest.composite["name"]
    others = tuple(each for each in COMPOSITES if each not in split_pair(name))
    monkeypatch.setattr("conceptlrp.lrp.one_call.COMPOSITES", others)

    result = run("graph", store, *network)

    said = f"computed with the composite '{split_pair(name)[0]}', expected one of"
    assert_one_line(result, 1, said)
