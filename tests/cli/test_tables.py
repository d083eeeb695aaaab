"""Tables in terminals of several widths."""

import json
import math
from pathlib import Path

import pytest

from conceptlrp.cli.tables import print_facts, print_json, print_table
from tests.command_line import run, succeed

WIDTHS = (80, 120, 200)


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.fixture(scope="module")
def labelled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with labels, clusters, effects, scores and a graph."""
    path = tmp_path_factory.mktemp("labelled")
    network = ("--network", folder / "net.safetensors")
    succeed("corpus", folder / "games.txt", "--out", path / "corpus.h5")
    store = path / "run.crp"
    succeed(
        *("attribute", folder / "net.safetensors", path / "corpus.h5"),
        *("--out", store, "--references", 2),
    )
    small = ("--positions", 60, "--maps", 20, "--random-networks", 1)
    succeed("label", store, *network, *small)
    succeed("cluster", store, "--clusters", 2)
    succeed("graph", store, *network, "--positions", 4)
    return store


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines())


def test_columns_that_do_not_fit_go_on_below(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {f"column {i}": [100 * i, 2] for i in range(30)}

    print_table(columns, title="thirty columns")

    text = capsys.readouterr().out
    assert widest(text) <= width
    assert all(name in text for name in columns)
    assert text.count("column 0 ") == {80: 5, 120: 3, 200: 2}[width]


def test_words_are_broken_and_numbers_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table({"number": [1.23456, 1000.0], "words": ["word " * 30, ""]})

    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("     1  word word")
    assert lines[-1].split() == ["1,000", "-"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.123456, 0.9], ["0.123", "0.900"]),
        ([123.456, 0.5], ["123", "0"]),
        ([12.0, -40.0], ["12", "-40"]),
        ([1e-5, 0.0], ["0.0000100", "0.0000000"]),
        ([math.nan, 2.5], ["-", "2.50"]),
        ([True, False], ["yes", "no"]),
        ([None, 3], ["-", "3"]),
    ],
)
def test_the_numbers_of_a_column_are_rounded_alike(
    values: list[object], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    print_table({"x": values})

    assert capsys.readouterr().out.split()[2:] == shown


def test_facts_are_lines(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"short": "a", "long": "many words " * 40}, title="facts")

    text = capsys.readouterr().out
    assert text.startswith("facts\nshort  a")
    assert widest(text) <= width


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"x": math.nan, "y": (1, 2)})

    assert json.loads(capsys.readouterr().out) == {"x": None, "y": [1, 2]}


VERBS: dict[str, list[object]] = {
    "info": ["info"],
    "query channel": ["query", "--layer", "conv4", "--channel", 1],
    "query near": ["query", "--layer", "conv4", "--near", 1],
    "query position": ["query", "--position", 3],
    "query columns": [
        *("query", "--layer", "conv4", "--channel", 1),
        *("--columns", "players,mobility,own corners,empty count,phase,margin,source"),
    ],
    "top": ["top", "--layer", "conv4", "--channel", 1],
    "graph": ["graph"],
    "report": ["report", "--layer", "conv4", "--channel", 1],
    "cluster": ["cluster", "--clusters", 2, "--overwrite"],
}


@pytest.mark.parametrize("name", VERBS)
def test_no_answer_is_wider_than_the_terminal(
    name: str, width: int, labelled: Path
) -> None:
    verb, *options = VERBS[name]

    result = run(verb, labelled, *options)

    assert result.code == 0, result.err
    assert widest(result.out) <= width


def test_labels_are_shown_when_they_are_asked_for(
    labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    asked = ("query", labelled, "--layer", "conv4", "--channel", 1, "-n", 2)

    usual = succeed(*asked).splitlines()
    chosen = succeed(*asked, "--columns", "mobility, own corners").splitlines()

    heads = "row score game ply mover players year move outcome explained"
    assert usual[1].split() == heads.split()
    assert chosen[1].split() == ["row", "score", "mobility", "own", "corners"]
    assert len(usual) == len(chosen) == 5


NETWORK_VERBS = {
    "ablate": "ablate {store} {net} --positions 5 --overwrite",
    "label": "label {store} {net} --positions 60 --maps 20 --random-networks 1 "
    "--overwrite",
    "compare": "compare {store} {store}",
    "explain": "explain {in}/net.safetensors f5d6c3d3c4",
}


@pytest.mark.parametrize("line", NETWORK_VERBS.values(), ids=NETWORK_VERBS)
def test_what_a_network_does_fits_80_columns(
    line: str, labelled: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    net = f"--network {folder / 'net.safetensors'}"
    places = {"store": labelled, "net": net, "in": folder}

    result = run(*line.format(**places).split())

    assert result.code == 0, result.err
    assert widest(result.out) <= 80
