"""The verb circuit, and circuits in stores and exports."""

import json
import shutil

import networkx as nx
import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.concept_graph import Circuit
from conceptlrp.errors import OutputExistsError
from conceptlrp.store import Where, check_store, open_store
from tests.command_line import assert_one_line, run, succeed


@pytest.fixture
def store(folder, tmp_path):
    shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    return tmp_path / "run.crp"


@pytest.fixture
def network(folder):
    return ("--network", folder / "net.safetensors")


@pytest.mark.slow
def test_circuits_of_several_selections_are_kept_and_listed(store, network):
    text = succeed("circuit", store, *network, "--count", 6, "--part", 0.5)
    succeed("circuit", store, *network, "--position", 2, "--method", "once")
    succeed("circuit", store, *network, "--target", "value", "--ply", "2:", "--each")

    opened = open_store(store)
    every = opened.results.get(Circuit)
    assert f"{every.size} of {every.units:,} units" in text.replace("\n", " ")
    assert "random by layer" in text
    assert "whole channels" in text
    alone = opened.results.get(Circuit, name="position=2")
    assert alone.rows.tolist() == [2]
    assert alone.method == "once"
    late = opened.results.get(Circuit, target="value", name="ply=2:; each")
    assert late.each
    assert (opened.positions.ply[late.rows] >= 2).all()
    listed = succeed("circuit", store)
    assert "position=2" in listed
    assert "ply=2:; each" in listed
    shown = succeed("circuit", store, "--name", "position=2", "--json")
    assert json.loads(shown)["size"] == alone.size
    assert check_store(store).is_good


def test_a_damaged_circuit_names_the_command_that_finds_it_again(store, network):
    succeed("circuit", store, *network, "--position", 2, "--each", "--method", "once")
    path = open_store(store).results.find(Circuit, name="position=2; each")
    path.write_bytes(b"")

    problem = run("circuit", store, "--name", "position=2; each").err

    assert "--position 2 --each --overwrite" in problem


def test_a_circuit_is_replaced_only_when_asked(store, network):
    options = ("circuit", store, *network, "--position", 2, "--method", "once")
    succeed(*options)

    assert_one_line(run(*options), 1, "exists already")
    succeed(*options, "--overwrite")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label", "nonsense"), "the store has no label 'nonsense'"),
        (("--cluster", "conv4:1"), "run 'conceptlrp cluster --target "),
        (("--cluster", "conv4"), "expected a layer and a number"),
        (("--ply", "70"), "no position meets 'ply=70'"),
        (("--part", "1.5"), "part is 1.5"),
        (("--position", "999999"), "has no row 999999"),
        (("--move", "z9"), "z9"),
    ],
)
def test_what_cannot_be_selected_is_said_in_a_line(store, network, options, message):
    assert_one_line(run("circuit", store, *network, *options), 1, message)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_positions": 0}, ValueError, "n_positions is 0, expected at least 1"),
        ({"n_edges": -1}, ValueError, "n_edges is -1, expected at least 0"),
        ({"part": "most"}, TypeError, "part is str, expected a number"),
        ({"rows": [True, False]}, TypeError, "rows are bool.*give conditions as where"),
    ],
)
def test_wrong_options_of_a_circuit_are_refused(folder, options, error, message):
    with pytest.raises(error, match=message):
        cl.circuit(folder / "run.crp", folder / "net.safetensors", **options)


def test_several_rows_are_named_as_selected(folder):
    found = cl.circuit(
        folder / "run.crp",
        folder / "net.safetensors",
        rows=[1, 2],
        method="once",
        save=False,
    )

    assert found.name == "selected"


def test_an_exported_circuit_says_what_it_is_above(store, network):
    succeed("circuit", store, *network, "--position", 2, "--method", "once")
    found = open_store(store).results.get(Circuit, name="position=2")

    assert found.node_link()["graph"]["baseline"] == found.baseline


def test_a_cluster_and_a_move_select_positions(store, network, folder):
    cl.cluster(store, "conv4", n_clusters=2)
    opened = open_store(store)
    move = opened.arrays.explained_square()[0]
    name = "abcdefgh"[move % 8] + str(move // 8 + 1)

    options = {"method": "once", "n_edges": 0, "save": False}
    net = folder / "net.safetensors"
    found = cl.circuit(store, net, cluster="conv4:0", **options)
    moved = cl.circuit(store, net, move=name, **options)

    clustering = opened.results.get(cl.Clustering, layer="conv4")
    inside = clustering.rows[clustering.labels == 0]
    assert set(found.rows) <= set(inside.tolist())
    assert (opened.arrays.explained_square()[moved.rows] == move).all()
    assert moved.name == f"move={name}"


def test_a_label_selects_what_a_condition_on_it_does(store, network, folder):
    opened = open_store(store)
    opened.columns.add({"early": opened.positions.ply < 20})
    options = {"method": "once", "n_edges": 0}

    net = folder / "net.safetensors"
    found = cl.circuit(store, net, label="early", **options)

    assert found.name == "label=early"
    with pytest.raises(OutputExistsError):
        cl.circuit(store, net, where=Where(labels={"early": True}), **options)
    assert np.array_equal(
        open_store(store).results.get(Circuit, name="label=early").rows, found.rows
    )


@pytest.mark.parametrize("suffix", [".json", ".graphml", ".gexf"])
def test_a_circuit_is_exported(store, network, tmp_path, suffix):
    out = tmp_path / f"circuit{suffix}"
    options = ("--position", 2, "--method", "once", "--part", 0.5)

    succeed("circuit", store, *network, *options, "--out", out)
    cl.exports.graphml(store, tmp_path / "other.graphml", circuit="position=2")

    if suffix == ".json":
        found = nx.node_link_graph(json.loads(out.read_text()), edges="edges")
    else:
        found = (nx.read_graphml if suffix == ".graphml" else nx.read_gexf)(out)
    size = open_store(store).results.get(Circuit, name="position=2").size
    assert len(found) == size + 1
    assert len(nx.read_graphml(tmp_path / "other.graphml")) == size + 1
