import json

import anndata
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.command_line import assert_one_line, run, succeed
from tests.exports.conftest import PLAIN


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_virelay_project_is_written(store, out):
    printed = succeed(
        "export", store.path, out, "--format", "virelay", "--positions", 5
    )

    assert printed == f"open with virelay {out}/project.yaml\n"
    found = yaml.safe_load((out / "project.yaml").read_text())["project"]
    assert found["name"] == "<i>net</i>, played, 5 positions"


def test_an_anndata_file_is_written_of_one_layer(store, out):
    options = ["--layer", PLAIN, "--target", "value", "--quantity", "share"]
    succeed("export", store.path, out, "--format", "h5ad", *options)

    found = anndata.read_h5ad(out)

    assert np.array_equal(found.X, store.arrays.share(PLAIN, target="value"))


def test_tables_are_written_of_several_quantities(store, tmp_path):
    options = ["--quantity", "share", "--quantity", "activation", "--layer", PLAIN]
    for kind, read in (("parquet", pd.read_parquet), ("csv", pd.read_csv)):
        succeed("export", store.path, tmp_path / kind, "--format", kind, *options)

        found = read(tmp_path / kind / f"activation-conv1.{kind}").set_index("row")
        assert (found.to_numpy(np.float32) == store.arrays.activation(PLAIN)).all()
        assert (tmp_path / kind / f"share-conv1.{kind}").exists()
        assert not (tmp_path / kind / f"relevance-conv1.{kind}").exists()


def test_the_same_seed_draws_the_same_positions(store, tmp_path):
    drawn = []
    for name, seed in (("first", 3), ("second", 3), ("third", 4)):
        options = ["--positions", 6, "--seed", seed]
        path = tmp_path / f"{name}.npz"
        succeed("export", store.path, path, "--format", "npz", *options)
        drawn.append(np.load(path)["row"].tolist())

    assert drawn[0] == drawn[1] != drawn[2]


def test_concepts_and_graphs_are_written(store, tmp_path):
    succeed("export", store.path, tmp_path / "json", "--format", "json")
    succeed("export", store.path, tmp_path / "g.graphml", "--format", "graphml")
    succeed("export", store.path, tmp_path / "g.json", "--format", "node-link")

    assert len(list(tmp_path.glob("json/concepts/*/*.json"))) == 10
    content = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    graph = nx.read_graphml(tmp_path / "g.graphml")
    assert nx.node_link_graph(content, edges="edges").edges == graph.edges


def test_an_earlier_export_is_replaced_when_asked(store, out):
    words = ["export", store.path, out, "--format", "csv", "--positions"]
    succeed(*words, 3)

    assert_one_line(run(*words, 4), 1, "already exists; choose another name or pass")
    succeed(*words, 4, "--overwrite")

    assert len(pd.read_csv(out / "positions.csv")) == 4


@pytest.mark.parametrize("kind", ["virelay", "parquet", "csv", "json", "npz", "h5ad"])
def test_what_is_foreign_is_never_replaced(store, out, kind):
    out.mkdir()
    (out / "thesis.tex").touch()
    words = ["export", store.path, out, "--format", kind, "--layer", PLAIN]

    assert_one_line(run(*words, "--overwrite"), 1, "is not replaced")
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--format pdf", 2, "--format is 'pdf', expected one of virelay, h5ad"),
        ("--format csv --quantity maps", 2, "--quantity is 'maps', expected one of"),
        ("--format h5ad", 2, "an .h5ad file holds one of conv1, .*with --layer"),
        ("--format npz --layer conv9", 1, "no layer 'conv9'"),
        ("--format npz --target d3", 1, "no target 'd3'"),
        ("--format json --positions 5", 2, "--positions has no meaning for .* json"),
        ("--format graphml --layer conv1", 2, "--layer has no meaning for"),
        ("--format json --quantity share", 2, "--quantity has no meaning for"),
        ("", 2, "missing option '--format'"),
    ],
)
def test_wrong_options_are_one_line(store, out, options, code, message):
    assert_one_line(run("export", store.path, out, *options.split()), code, message)
    assert not out.exists()


def test_a_store_that_is_not_there_is_one_line(tmp_path, out):
    result = run("export", tmp_path / "none.crp", out, "--format", "npz")

    assert_one_line(result, 1, "none.crp")


def test_a_folder_that_is_not_there_is_one_line(store, tmp_path):
    result = run("export", store.path, tmp_path / "no" / "out", "--format", "npz")

    assert_one_line(result, 1, "no such file or directory")
