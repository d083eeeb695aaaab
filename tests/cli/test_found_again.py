"""A store's network, found again by the verbs that need it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from conceptlrp.networks import demo_network
from conceptlrp.networks.checkpoint import load_network
from conceptlrp.runs import RunOptions, attribute_corpus
from conceptlrp.shipped import SHIPPED
from conceptlrp.store import open_store
from tests.cli.test_own_network import CODE
from tests.command_line import assert_one_line, run, succeed
from tests.lrp.conftest import a_third
from tests.networks.test_adapting import Module

VERBS = {
    "ablate": "ablate {store} --positions 2",
    "atlas": "atlas {store} {out}/atlas",
    "circuit": "circuit {store} --position 2 --method once",
    "edits": "edits {store} --positions 4 --random-networks 1",
    "evaluate": "evaluate {store} --positions 3 --cascade 1 --composite epsilon",
    "truth": "truth {store} --positions 60",
    "figure": "figure empty-board {store} --out {out}/a.svg --composite epsilon",
    "graph": "graph {store} --positions 2",
    "graph of a position": "graph {store} --position 2",
    "interchange": "interchange {store} --positions 4 --random-networks 1",
    "label": "label {store} --positions 20 --maps 4 --random-networks 1",
}


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """A store whose network is no longer where it was, but beside it."""
    networks = tmp_path / "networks"
    networks.mkdir()
    shutil.copy(folder / "net.safetensors", networks)
    succeed(
        *("attribute", networks / "net.safetensors", folder / "corpus.h5"),
        *("--out", tmp_path / "run.crp", "--layer", "conv4", "--references", 2),
    )
    return tmp_path / "run.crp"


@pytest.mark.parametrize("verb", a_third(VERBS))
def test_a_verb_finds_the_file_again(verb: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    given = {"store": tmp_path / "run.crp", "out": tmp_path}

    result = run(*VERBS[verb].format(**given).split())

    # Of so few positions no two can be interchanged, and no property varies.
    assert result.code == (verb in ("interchange", "truth")), result.err
    assert "--network" not in result.err


def test_the_manifest_says_where_the_network_is(store: Path) -> None:
    made = open_store(store).manifest.network

    assert made["name"] == "net.safetensors"
    assert made["reference"] == str(store.parent / "networks" / "net.safetensors")
    assert "weights" not in made


@pytest.mark.parametrize("place", ["beside", "here"])
def test_a_file_that_moved_is_found_beside_the_store_and_here(
    place: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path if place == "beside" else tmp_path / "elsewhere"
    target.mkdir(exist_ok=True)
    shutil.move(tmp_path / "networks" / "net.safetensors", target)
    monkeypatch.chdir(tmp_path if place == "beside" else target)

    assert run("graph", store, "--position", 2).code == 0


def test_a_file_that_is_gone_is_said_with_the_places(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "networks" / "net.safetensors").unlink()
    monkeypatch.chdir(tmp_path / "networks")

    refused = run("ablate", store)

    gone = "{}/net.safetensors: no such file"
    places = (tmp_path / "networks", tmp_path)
    looked = "; ".join(gone.format(place) for place in places)
    message = rf"not found \({looked}\); pass --network FILE"
    assert_one_line(refused, 1, message)


def test_a_file_that_changed_is_refused(
    store: Path, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "networks" / "net.safetensors"
    other.unlink()
    shutil.copy(folder / "six.safetensors", other)
    (tmp_path / "net.safetensors").write_text("no network")

    refused = run("label", store)

    assert_one_line(
        refused, 1, r"net.safetensors: another network; .*net.safetensors: neither"
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_found_by_itself(name: str, tmp_path: Path) -> None:
    store = tmp_path / "run.crp"
    common = ("--sample", 20, "--layer", "conv4", "--references", 0)
    succeed("attribute", name, name, "--out", store, *common)

    assert open_store(store).manifest.network["reference"] == name
    assert run("graph", store, "--position", 1).code == 0


def test_code_is_named_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    torch.save(Module(planes=3, value=3).state_dict(), tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    explained = ("demo", "--sample", 20, "--out", "s.crp", "--weights", "w.pt")
    assert run("attribute", "mine:make", *explained).code == 0
    del sys.modules["mine"]

    refused = run("ablate", "s.crp")

    remedy = rf"pass --network mine:make --weights {tmp_path / 'w.pt'}\n"
    assert_one_line(refused, 1, remedy)
    assert "mine" not in sys.modules
    alone = run("ablate", "s.crp", "--weights", "w.pt")
    assert_one_line(alone, 2, "--weights goes with a --network")


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_an_object_of_python_is_said_to_be_one(folder: Path, tmp_path: Path) -> None:
    positions = open_store(folder / "run.crp").positions[:4]
    attribute_corpus(Module().eval(), positions, tmp_path / "s.crp")

    refused = run("graph", tmp_path / "s.crp")

    assert_one_line(refused, 1, "is an object of Python; pass --network FILE, or pack")
    pages = run("atlas", tmp_path / "s.crp", tmp_path / "atlas")
    assert pages.code == 0
    assert "no pages of positions: " in pages.err


def test_a_loaded_network_is_found_again_from_python_too(
    folder: Path, tmp_path: Path
) -> None:
    network = load_network(folder / "net.safetensors")
    positions = open_store(folder / "run.crp").positions[:4]
    run_options = RunOptions(name="mine")

    store = attribute_corpus(network, positions, tmp_path / "s.crp", run=run_options)

    made = store.manifest.network
    assert made["reference"] == str(folder / "net.safetensors")
    assert made["name"] == "mine"
    assert demo_network().origin["reference"] == "demo"


def test_where_a_network_was_is_no_part_of_what_is_computed(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    shutil.copy(folder / "net.safetensors", tmp_path / "moved.safetensors")
    options = (folder / "corpus.h5", "--out", out, "--layer", "conv4")
    succeed("attribute", folder / "net.safetensors", *options)

    succeed("attribute", tmp_path / "moved.safetensors", *options, "--resume")

    assert json.loads((out / "manifest.json").read_text())["state"] == "complete"


def test_jobs_are_merged_by_the_network_that_they_record(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    job = ("attribute", folder / "net.safetensors", folder / "corpus.h5", "--out", out)
    for number in (1, 2):
        succeed(*job, "--layer", "conv4", "--shard", f"{number}/2")

    succeed("merge", out)

    assert open_store(out).manifest.is_complete
