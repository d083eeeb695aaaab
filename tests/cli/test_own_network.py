"""A network of one's own code, named on the command line."""

from pathlib import Path

import pytest
import torch

from conceptlrp.networks import load_network, network_digest
from conceptlrp.store import open_store
from tests.command_line import assert_one_line, run
from tests.networks.test_adapting import Module

CODE = """
from conceptlrp.networks import adapt
from tests.networks.test_adapting import Module

def make():
    module = Module(planes=3, value=3).eval()
    return adapt(module, encode="own-opponent-ones", value="wdl")
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code and weights, as the current one."""
    (tmp_path / "mine.py").write_text(CODE)
    other = Module(planes=3, value=3)
    torch.nn.init.normal_(other.conv.weight)
    torch.save({"model": other.state_dict()}, tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_own_code_is_run_by_every_verb_where_it_is_named(place: Path) -> None:
    named = ("--weights", "w.pt")
    explained = ("demo", "--sample", 40, "--out", "s.crp", "--target", "value")

    made = run("attribute", "mine:make", *explained, *named)

    assert made.code == 0, made.err
    network = load_network("mine:make", weights=place / "w.pt")
    manifest = open_store(place / "s.crp").manifest.network
    assert manifest["name"] == "mine:make (w.pt)"
    assert manifest["digest"] == network_digest(network)
    for verb in ("ablate", "graph"):
        found = run(verb, "s.crp", "--network", "mine:make", *named)
        assert found.code == 0, found.err
    assert run("explain", "mine:make", "f5d6c3", *named).code == 0


@pytest.mark.usefixtures("place")
def test_other_weights_are_another_network() -> None:
    run("attribute", "mine:make", "demo", "--sample", 20, "--out", "s.crp")

    refused = run("ablate", "s.crp", "--network", "mine:make", "--weights", "w.pt")

    assert_one_line(refused, 1, "mine:make: is network .* the store explains")


@pytest.mark.usefixtures("place")
def test_weights_without_code_are_refused() -> None:
    refused = run("explain", "demo", "f5d6", "--weights", "w.pt")

    assert_one_line(refused, 1, r"named as package\.module:function")
