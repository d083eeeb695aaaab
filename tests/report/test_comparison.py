"""Channels of two stores are matched by what they do."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import StoreError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.report import compare
from conceptlrp.report.comparison import correlation_within, match_layer
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store
from tests.command_line import assert_one_line, run, succeed
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games

CHANNELS = 6
#: Channels by the number that they get in the twin.
PAIRS = {3: 0, 0: 1, 5: 2, 1: 3, 4: 4, 2: 5}


def shuffled(network: OthelloNet, order: list[int]) -> OthelloNet:
    """Return a network whose channels of the last convolution are in another order."""
    twin = OthelloNet(channels=CHANNELS)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    size = network.state_dict()["fc1.weight"].shape[1] // CHANNELS
    for name, tensor in state.items():
        if name.startswith(("conv4.", "bn4.")) and tensor.ndim:
            state[name] = tensor[order]
    columns = state["fc1.weight"].unflatten(1, (CHANNELS, size))
    state["fc1.weight"] = columns[:, order].flatten(1)
    twin.load_state_dict(state)
    return twin.eval()


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    torch.manual_seed(3)
    return randomize(OthelloNet(channels=CHANNELS))  # type: ignore[arg-type, return-value]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(6, seed=2))


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, network: OthelloNet, corpus: Corpus
) -> tuple[Store, Store]:
    """Return the stores of a network and of one with its channels in another order."""
    folder = tmp_path_factory.mktemp("stores")
    twin = shuffled(network, list(PAIRS))
    made = [
        attribute_corpus(
            each, corpus, folder / f"{name}.crp", layers=["conv3", "conv4"]
        )
        for name, each in (("one", network), ("two", twin))
    ]
    return made[0], made[1]


def test_channels_in_another_order_are_found_again(
    stores: tuple[Store, Store],
) -> None:
    found = compare(*stores)

    conv3, conv4 = found.layers
    assert conv3.first.tolist() == conv3.second.tolist()
    pairs = dict(zip(conv4.first.tolist(), conv4.second.tolist(), strict=True))
    assert pairs == PAIRS
    alive = conv4.correlation[conv4.correlation != 0]
    assert np.allclose(alive, 1, atol=1e-3)
    assert conv4.chance < 0.6
    assert found.same_move.mean == 1
    assert found.value_correlation == pytest.approx(1, abs=1e-4)
    assert found.heatmap_cosine.mean == pytest.approx(1, abs=1e-4)


def test_a_comparison_is_strict_json_and_a_table(stores: tuple[Store, Store]) -> None:
    found = compare(*stores, by="activation", n_positions=50)

    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["positions"] == 50
    assert len(found.frame()) == 2 * CHANNELS
    assert (
        found.to_dict() == compare(*stores, by="activation", n_positions=50).to_dict()
    )


def test_stores_of_other_positions_are_refused(
    stores: tuple[Store, Store], network: OthelloNet, corpus: Corpus, tmp_path: Path
) -> None:
    other = attribute_corpus(network, corpus[:40], tmp_path / "other.crp")

    with pytest.raises(StoreError, match="attribute the same positions"):
        compare(stores[0], other)


def test_what_channels_cannot_be_matched_by_is_refused(
    stores: tuple[Store, Store],
) -> None:
    with pytest.raises(ValueError, match="by is 'peak', expected one of relevance"):
        compare(*stores, by="peak")


def test_what_only_the_ply_explains_does_not_count() -> None:
    generator = np.random.default_rng(0)
    ply = np.repeat(np.arange(20), 30)
    phase = ply[:, None] * 10.0
    one, other = (phase + generator.normal(size=(600, 3)) for _ in range(2))

    assert np.abs(np.corrcoef(one.T, other.T)[:3, 3:]).min() > 0.99
    assert np.abs(correlation_within(one, other, ply)).max() < 0.2


def test_correlation_within_one_group_is_that_of_numpy() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.normal(size=(50, 2)), generator.normal(size=(50, 3))

    found = correlation_within(one, other, np.zeros(50, np.intp))

    expected = np.corrcoef(one.T, other.T)[:2, 2:]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_channel_that_is_constant_matches_nothing() -> None:
    table = np.random.default_rng(2).normal(size=(40, 2))
    table[:, 1] = 0.1

    found = match_layer(("a", "b"), (table, table), np.arange(40) % 2)

    assert found.correlation.tolist() == pytest.approx([1, 0])
    assert found.best.tolist() == pytest.approx([1, 0])


def test_the_verb_prints_the_pairs(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A narrow terminal folds the table.
    monkeypatch.setenv("COLUMNS", "120")
    paths = [str(store.path) for store in stores]

    text = succeed("compare", *paths, "--layer", "conv4")

    assert "same best move in 100.0%" in text
    told = re.findall(r"(\d) with (\d) \(", text)
    assert len(told) == 4
    assert all(PAIRS[int(a)] == int(b) for a, b in told)
    printed = json.loads(succeed("compare", *paths, "--json"))
    assert [layer["layer"] for layer in printed["layers"]] == ["conv3", "conv4"]


def test_the_verb_refuses_what_it_does_not_know(stores: tuple[Store, Store]) -> None:
    paths = [str(store.path) for store in stores]

    assert_one_line(run("compare", *paths, "--by", "peak"), 2, "--by is 'peak'")
    refused = run("compare", *paths, "--layer", "conv9")
    assert_one_line(refused, 1, "has no layer 'conv9'")
