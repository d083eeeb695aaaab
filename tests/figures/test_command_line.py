"""The verb figure, and the figures of the verb evaluate."""

import sys
from pathlib import Path

import pytest

from conceptlrp.concept_graph import mean_concept_graph
from conceptlrp.lrp import Explainer
from conceptlrp.networks import load_network
from conceptlrp.store import open_store
from tests.command_line import Result, assert_one_line, run


def draw(kind: str, folder: Path, out: Path, *options: object) -> Result:
    return run("figure", kind, folder / "run.crp", "--out", out, *options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("references", ("--layer", "conv4", "--channel", 3, "--count", 2)),
        ("means", ("--layer", "conv4", "--channel", 3, "--width", 3.5)),
        ("channels", ("--layer", "conv1", "--target", "value")),
    ],
)
def test_a_figure_is_drawn_from_a_store(folder, tmp_path, kind, options):
    out = tmp_path / "figure.svg"

    result = draw(kind, folder, out, *options)

    assert (result.code, result.out, result.err) == (0, f"{out}\n", "")
    assert out.read_bytes().startswith(b"<?xml")


def test_the_empty_board_needs_the_network_of_the_store(folder, tmp_path):
    out = tmp_path / "empty.svg"
    network = ("--network", folder / "net.safetensors", "--composite", "epsilon-flat")

    assert draw("empty-board", folder, out, *network).code == 0
    other = draw("empty-board", folder, tmp_path / "x.svg", "--network", "demo")

    assert b"epsilon-flat" in out.read_bytes()
    assert_one_line(other, 1, "demo: is network .*, the store explains")


@pytest.mark.parametrize(
    ("kind", "out", "options", "code", "message"),
    [
        ("zoo", "a.svg", (), 2, "the kind is 'zoo', expected one of references"),
        ("means", "a.gif", ("--layer", "conv4"), 1, "suffix is '.gif'"),
        ("means", "no/a.svg", ("--layer", "conv4"), 1, "no such file or directory"),
        ("means", "a.svg", (), 2, "this figure needs --layer"),
        ("means", "a.svg", ("--layer", "conv9"), 1, "has no layer 'conv9'"),
        (
            "means",
            "a.svg",
            ("--layer", "conv4", "--channel", 999),
            1,
            "'conv4' has no channel 999, expected 0 to",
        ),
        ("references", "a.svg", ("--layer", "conv4"), 2, "needs --channel"),
        ("references", "a.svg", ("--target", "best"), 1, "no target 'best'"),
        ("embedding", "a.svg", ("--layer", "conv4"), 1, "run 'conceptlrp cluster'"),
        ("labels", "a.svg", ("--layer", "conv4"), 1, "run 'conceptlrp label'"),
        ("graph", "a.svg", (), 1, "has no concept graph; run 'conceptlrp graph'"),
        ("sanity", "a.svg", (), 1, "has no evaluation; run 'conceptlrp evaluate'"),
        ("sanity", "a.svg", ("--title", "x"), 2, "takes no --title"),
        ("means", "a.svg", ("--width", 0.1), 2, "invalid value for .--width"),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_nothing(
    folder, tmp_path, kind, out, options, code, message
):
    result = draw(kind, folder, tmp_path / out, *options)

    assert_one_line(result, code, message)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_at_the_output_is_kept(folder, tmp_path):
    out = tmp_path / "a.svg"
    out.write_text("mine")
    options = ("--layer", "conv4")

    assert_one_line(draw("means", folder, out, *options), 1, "already exists")
    assert out.read_text() == "mine"

    refused = draw("means", folder, out, *options, "--overwrite")
    assert_one_line(refused, 1, "not a file that conceptlrp has written")
    assert out.read_text() == "mine"

    out.unlink()
    assert draw("means", folder, out, *options).code == 0
    assert draw("means", folder, out, *options, "--overwrite").code == 0
    assert out.read_bytes().startswith(b"<?xml")


def test_without_matplotlib_the_remedy_is_named(folder, tmp_path, monkeypatch):
    for name in [n for n in sys.modules if n.startswith("conceptlrp.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    result = draw("means", folder, tmp_path / "a.svg", "--layer", "conv4")

    assert_one_line(result, 1, r"pip install 'conceptlrp\[figures\]'")


@pytest.mark.slow
def test_an_evaluation_and_a_graph_in_the_store_are_drawn(tmp_path):
    from tests.command_line import write_inputs

    write_inputs(tmp_path)
    own = open_store(tmp_path / "run.crp").manifest.composite["name"]
    options = ("--positions", 4, "--cascade", 1, "--composite", own)
    network = ("--network", tmp_path / "net.safetensors")
    judged = tmp_path / "judged"
    store = open_store(tmp_path / "run.crp")
    explainer = Explainer(
        load_network(tmp_path / "net.safetensors"), layers=store.layers
    )
    graph = mean_concept_graph(explainer, store.positions[:4], targets=store.targets)
    store.results.save(graph)

    done = run("evaluate", store.path, *network, "--out", judged, *options)

    assert (done.code, done.err) == (0, "")
    drawn = sorted(path.name for path in (judged / "figures").iterdir())
    names = ("faithfulness", "sanity")
    assert drawn == [f"{name}.{x}" for name in names for x in ("png", "svg")]
    for kind in ("faithfulness", "sanity", "graph"):
        assert draw(kind, tmp_path, tmp_path / f"{kind}.svg").code == 0
    assert (tmp_path / "sanity.svg").read_bytes() == (
        judged / "figures" / "sanity.svg"
    ).read_bytes()
