"""The verb check-network."""

import json
from pathlib import Path

import pytest
import torch

from tests.command_line import assert_one_line, run, succeed
from tests.networks.test_adapting import Module

CODE = """
from torch import nn
from tests.lrp.test_checking import Cosine
from tests.networks.test_adapting import Module

def make():
    return Module().eval()

refused = Cosine
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code and weights, as the current one."""
    (tmp_path / "own.py").write_text(CODE)
    other = Module()
    torch.nn.init.zeros_(other.p.weight)
    torch.save(other.state_dict(), tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.mark.usefixtures("place")
def test_the_demo_network_is_checked_on_the_demo_games() -> None:
    text = succeed("check-network", "demo")

    assert text.startswith("OthelloNet\n")
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "65 outputs",
        "moves right",
        "value right",
        "Epsilon+Gamma",
        "forward",
    ):
        assert words in text


@pytest.mark.usefixtures("place")
def test_own_code_is_checked_with_its_weights(folder: Path) -> None:
    games = folder / "games.txt"

    text = run("check-network", "own:make", games, "--weights", "w.pt", "--json")

    found = json.loads(text.out)
    assert found["name"] == "Module"
    assert found["contract"]["planes"] == "2 (own-opponent)"
    assert [step["name"] for step in found["steps"]] == ["conv", "relu", "p", "v"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.usefixtures("place")
def test_a_network_that_is_refused_has_a_table_and_exits_with_1(folder: Path) -> None:
    found = run("check-network", "own:refused", folder / "corpus.h5")

    assert found.code == 1
    assert found.err.startswith("conceptlrp: own:refused: there is no rule for cos")
    assert found.err.count("\n") == 1
    assert "refused" in found.out
    assert "net.conv1" in found.out


def test_games_for_another_board_are_refused(folder: Path) -> None:
    refused = run("check-network", folder / "six.safetensors", "demo")

    assert_one_line(refused, 1, "'demo' is of 8 x 8, .* such as 'demo6'")


@pytest.mark.usefixtures("place")
def test_an_unknown_composite_is_an_error_at_once() -> None:
    refused = run("check-network", "demo", "--composite", "nope")

    assert_one_line(refused, 1, "unknown composite 'nope', expected one of epsilon")
    assert refused.out == ""
