"""A network of one's own code, named on the command line."""

from pathlib import Path

import pytest
import torch

from conceptlrp.networks import OthelloNet, load_network, network_digest
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


ORDERS = """
from conceptlrp.networks import adapt
from tests.networks.test_adapting import Module

def black():
    return adapt(Module().eval())

def white():
    return adapt(Module().eval(), encode="opponent-own")

def none():
    pass
"""


@pytest.fixture
def orders(place: Path) -> None:
    (place / "orders.py").write_text(ORDERS)
    explained = ("--target", "value", "--out", "s.crp")
    made = run("attribute", "orders:black", "demo", "--sample", 20, *explained)
    assert made.code == 0, made.err


@pytest.mark.usefixtures("orders")
def test_other_planes_are_another_network() -> None:
    run("ablate", "s.crp", "--network", "orders:black")

    ablated = run("ablate", "s.crp", "--network", "orders:white")
    explained = ("demo", "--sample", 40, "--target", "value", "--out", "s.crp")
    appended = run("attribute", "orders:white", *explained, "--append")

    # Before it says that the result is there already.
    assert_one_line(ablated, 1, "orders:white: is network .* the store explains")
    assert_one_line(appended, 1, r"its network is orders:black .*, not orders:white")


@pytest.mark.usefixtures("orders")
def test_a_function_that_makes_no_network_is_named() -> None:
    for verb in ("check-network", "label"):
        named = ("s.crp", "--network", "orders:none")
        refused = run(verb, *(named if verb == "label" else ("orders:none", "demo")))
        assert_one_line(refused, 1, "orders:none: returns NoneType, expected a torch")


@pytest.mark.usefixtures("place")
def test_weights_without_code_are_refused() -> None:
    refused = run("explain", "demo", "f5d6", "--weights", "w.pt")

    assert_one_line(refused, 1, r"named as package\.module:function")


PLAYED = """
from torch import nn
from conceptlrp.networks import OthelloNet
from tests.networks.test_adapting import Module

def net():
    return OthelloNet(channels=2).eval()

def alone():
    return nn.Sequential(nn.Conv2d(2, 1, 1), nn.Flatten()).eval()

def other():
    return Module().eval()
"""


@pytest.fixture
def players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code of networks that play, as the current one."""
    (tmp_path / "played.py").write_text(PLAYED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(1)
    net = OthelloNet(channels=2).eval()
    weights = {f"module.{name}": each for name, each in net.state_dict().items()}
    torch.save({"model_state_dict": weights}, tmp_path / "w.pt")
    torch.save({"state_dict": {f"module.{n}": t for n, t in weights.items()}}, "p.pt")
    return tmp_path


@pytest.mark.usefixtures("players")
def test_a_match_has_weights_for_each_player() -> None:
    quick = ("--count", 2, "--opening", 40)

    found = run("arena", "played:net@2", "played:net", "--weights", "w.pt", *quick)
    other = run("arena", "random", "played:other", *quick)
    wrong = run("arena", "played:net", "played:net", "--other-weights", "x.pt", *quick)
    unused = run("arena", "random", "greedy", "--weights", "w.pt", *quick)

    assert found.code == 0, found.err
    assert found.out.startswith("played:net (w.pt)@2 - played:net: ")
    assert other.code == 0, other.err
    assert_one_line(wrong, 1, "x.pt: no such file")
    assert_one_line(unused, 2, "random has no weights")


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
@pytest.mark.usefixtures("players")
def test_a_network_without_a_value_plays_without_search() -> None:
    quick = ("--count", 2, "--opening", 40)
    card = ("--out", "card.json", "--match-games", 2, "--endgames", 1)

    met = run("arena", "played:alone", "random", *quick)
    measured = run("strength", "played:alone", *card, "--games", "demo", "--sample", 40)
    searched = run("arena", "played:alone@2", "random", *quick)

    assert met.code == 0, met.err
    assert measured.code == 0, measured.err
    assert "network@" not in measured.out
    assert_one_line(searched, 1, "no value, which search and self-play need")


@pytest.mark.usefixtures("players")
def test_training_begins_from_a_network_of_code() -> None:
    data = ("demo", "--epochs", 0.001, "--out", "net.safetensors")

    made = run("train", *data, "--start", "played:net", "--weights", "w.pt")
    refused = run("train", *data, "--start", "played:other", "--overwrite")

    assert made.code == 0, made.err
    assert_one_line(refused, 1, "class Module, expected OthelloNet or ResidualTower")


@pytest.mark.usefixtures("players")
def test_a_checkpoint_of_parallel_training_is_read_at_every_door() -> None:
    for file in ("w.pt", "p.pt"):
        assert network_digest(load_network(file)) == network_digest(
            load_network("played:net", weights=file)
        )
    quick = ("--count", 1, "--simulations", 0, "--opening", 40, "--out", "g.jsonl")

    assert run("selfplay", "p.pt", *quick).code == 0
    assert run("explain", "w.pt", "f5d6c3").code == 0
