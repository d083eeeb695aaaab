"""Effects of ablating single channels, on networks where they are known."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import conceptlrp as cl
from conceptlrp import ablation
from conceptlrp.ablation import Ablation, LayerEffects
from conceptlrp.ablation.channels import tally_effects
from conceptlrp.ablation.sample import (
    ABLATIONS,
    FollowedSample,
    follow_sample,
    same_ply_donors,
)
from conceptlrp.errors import (
    LayerError,
    NetworkError,
    OutputExistsError,
    TargetError,
)
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import best_actions, planes_of
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus
from conceptlrp.store import Store
from tests.evaluation.conftest import AddingNetwork
from tests.labelling.planted import random_network
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import with_hooks
from tests.planted.network import PlantedNetwork, planted_network

TARGETS = ["best", "value", "best-played"]
CPU = torch.device("cpu")

ablate = partial(ablation.ablate, save=False)


@pytest.fixture(scope="module")
def planted() -> PlantedNetwork:
    return planted_network()


@pytest.fixture(scope="module")
def planted_store(
    planted: PlantedNetwork, games: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    path = tmp_path_factory.mktemp("planted") / "run.crp"
    corpus = games.sample(120, seed=1)
    layers = ["conv2", "conv3"]
    return cl.attribute_corpus(
        planted.network, corpus, path, targets=["best", "value"], layers=layers
    )


@pytest.fixture(scope="module")
def store(
    network: OthelloNet, games: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    path = tmp_path_factory.mktemp("random") / "run.crp"
    corpus = games[np.flatnonzero(games.played >= 0)].sample(30, seed=2)
    return cl.attribute_corpus(network, corpus, path, targets=TARGETS)


def sample_of(store: Store, target: str = "best", n: int = 9) -> FollowedSample:
    return follow_sample(store, target=target, n_positions=n, seed=3, device=CPU)


def by_hook(
    explainer: Explainer, board: np.ndarray, layer: str, ablated: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return logits and value at a position, the maps of a layer being replaced."""
    module = explainer.network.get_submodule(explainer.taps[layer])
    handle = module.register_forward_hook(lambda *_: torch.from_numpy(ablated)[None])
    try:
        with torch.no_grad():
            outputs = explainer.network(planes_of(explainer, board[None]))
    finally:
        handle.remove()
    return outputs[0][0].numpy(), float(outputs[1])


def measure_effects(*asked: Any, **options: Any) -> dict[str, LayerEffects]:
    return {t.layer: t.result() for t in tally_effects(*asked, **options)}


def maps_of(explainer: Explainer, sample: FollowedSample, layer: str) -> np.ndarray:
    planes = planes_of(explainer, sample.boards)
    with explainer.propagation.forward(planes) as passed:
        return passed.features[layer].numpy()


def test_ablating_a_planted_line_takes_exactly_its_logits_along(
    planted: PlantedNetwork, planted_store: Store
) -> None:
    line = planted.detectors[1]

    found = ablate(planted_store, planted.network, ablation="zero", n_positions=200)

    sample = sample_of(planted_store, n=200)
    boards, fires = sample.boards, np.zeros(sample.boards.shape)
    fires[:, :, 2:] = (
        (boards[:, :, :-2] == 1) & (boards[:, :, 1:-1] == -1) & (boards[:, :, 2:] == 0)
    )
    legal = sample.legal[:, :64].numpy().reshape(-1, 8, 8)
    with np.errstate(invalid="ignore"):
        expected = (fires * legal).sum(axis=0) / legal.sum(axis=0)
    assert np.nanmax(expected) > 0.3
    effects = found.layers["conv2"]
    assert line.layer == "conv2"
    assert found.positions == len(sample) == 120
    np.testing.assert_allclose(effects.policy[line.channel], expected, atol=1e-5)
    best = planted_store.arrays.explained_square(target="best")
    at = np.flatnonzero(best < 64)
    loss = np.zeros(len(best))
    loss[at] = fires.reshape(-1, 64)[at, best[at]]
    assert effects.fall[line.channel] == pytest.approx(loss.mean(), abs=1e-5)
    assert effects.size[line.channel] == pytest.approx(loss.mean(), abs=1e-5)
    assert effects.value[line.channel] == pytest.approx(0, abs=1e-5)


def test_a_channel_that_only_the_value_reads_leaves_the_policy_alone(
    planted: PlantedNetwork, planted_store: Store
) -> None:
    corner = planted.detectors[0].channel

    found = ablate(
        planted_store, planted.network, ablation="zero", target="value", n_positions=200
    )

    effects = found.layers["conv2"]
    owned = (planted_store.positions.own & np.uint64(1)).astype(float)
    assert owned.any()
    assert effects.value[corner] == pytest.approx(owned.mean(), abs=1e-5)
    assert effects.fall[corner] == pytest.approx(owned.mean(), abs=1e-5)
    np.testing.assert_allclose(np.nan_to_num(effects.policy[corner]), 0, atol=1e-5)
    assert effects.moves_changed[corner] == 0


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_effects_are_those_of_hooks_that_ablate_one_channel_at_a_time(
    network: OthelloNet, store: Store, layer: str, ablation: str
) -> None:
    explainer = Explainer(network, layers=[layer], dtype="float64")
    sample = sample_of(store)

    found = measure_effects(explainer, sample, ablation=ablation, seed=5)[layer]

    maps = maps_of(explainer, sample, layer)
    donors = same_ply_donors(sample.corpus, seed=5)
    mean = np.broadcast_to(maps.mean(axis=0), maps.shape)
    other = {"zero": 0 * maps, "mean": mean, "resample": maps[donors]}
    falls, values, moved = (np.zeros((9, 4)) for _ in range(3))
    for n in range(9):
        before = by_hook(explainer, sample.boards[n], layer, maps[n])
        legal, move = sample.legal[n].numpy(), int(sample.plus[n])
        for c in range(4):
            ablated = maps[n].copy()
            ablated[c] = other[ablation][n, c]
            after = by_hook(explainer, sample.boards[n], layer, ablated)
            falls[n, c] = before[0][move] - after[0][move]
            values[n, c] = before[1] - after[1]
            best = [best_actions(each[0], legal) for each in (before, after)]
            moved[n, c] = best[0] != best[1]
    np.testing.assert_allclose(found.fall, falls.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.size, np.abs(falls).mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.value, values.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.moves_changed, moved.mean(axis=0))
    # Nine games are too few for intervals.
    assert np.isnan([found.fall_low, found.fall_high, found.control_high]).all()
    assert found.games == len(np.unique(sample.corpus.game)) < 10
    assert "fewer than 10 games" in repr(found)
    assert not found.beats_control.any()


def test_a_network_that_hooks_explain_is_ablated_all_the_same(
    network: OthelloNet, store: Store
) -> None:
    explainer = Explainer(network, layers=["conv2", "conv3"], dtype="float64")
    sample = sample_of(store)

    found = measure_effects(with_hooks(explainer), sample, seed=5)

    expected = measure_effects(explainer, sample, seed=5)
    for layer, effects in expected.items():
        for name, array in effects.numbers().items():
            np.testing.assert_allclose(found[layer].numbers()[name], array, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_a_grouped_convolution_is_no_obstacle(games: Corpus, tmp_path: Path) -> None:
    grouped: nn.Module = nn.Sequential(
        *(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=2)),
        *(nn.ReLU(), nn.Conv2d(4, 1, 1), nn.Flatten()),
    )
    grouped = randomize(grouped)
    path, corpus = tmp_path / "run.crp", games.sample(5, seed=0)
    store = cl.attribute_corpus(grouped, corpus, path, targets=["best"])

    found = ablate(store, grouped).layers["0"]

    moved = found.size > 0
    assert moved.any()
    assert np.isnan(found.value[moved]).all()


def test_what_passes_beside_a_layer_of_a_tower_stays(
    games: Corpus, tmp_path: Path
) -> None:
    tower = randomize(ResidualTower(channels=3, blocks=2, value_units=8))
    path, corpus = tmp_path / "run.crp", games.sample(4, seed=0)
    store = cl.attribute_corpus(tower, corpus, path, targets=["best"])
    layer = "tower.1.conv1"
    explainer = Explainer(tower, layers=[layer], dtype="float64")
    sample = sample_of(store, n=4)

    found = measure_effects(explainer, sample, ablation="zero")[layer]

    maps, falls = maps_of(explainer, sample, layer), np.zeros((4, 3))
    for n, board in enumerate(sample.boards):
        before, _ = by_hook(explainer, board, layer, maps[n])
        for c in range(3):
            ablated = maps[n].copy()
            ablated[c] = 0
            after, _ = by_hook(explainer, board, layer, ablated)
            falls[n, c] = (before - after)[sample.plus[n]]
    assert np.abs(falls).max() > 0.01
    np.testing.assert_allclose(found.fall, falls.mean(axis=0), atol=1e-9)


def test_a_network_without_a_value_head_has_no_effects_on_it(
    games: Corpus, tmp_path: Path
) -> None:
    class Policy(AddingNetwork):
        def forward(self, planes: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return self.policy(self.flatten(self.relu1(self.conv1(planes))))

    network = Policy()
    del network.value
    store = cl.attribute_corpus(
        network, games.sample(6, seed=0), tmp_path / "run.crp", targets=["best"]
    )

    found = ablate(store, network).layers["conv1"]

    assert np.isnan(found.value).all()
    assert np.isnan(found.value_low).all()
    assert (found.size > 0).all()


@pytest.mark.parametrize("target", TARGETS)
def test_the_followed_output_is_the_one_that_the_store_explains(
    network: OthelloNet, store: Store, target: str
) -> None:
    sample = sample_of(store, target, n=30)
    explainer = Explainer(network)
    planes = planes_of(explainer, sample.boards)
    with torch.no_grad():
        logits, value = explainer.network(planes)

    found = sample.explained(logits, value.flatten(), torch.arange(30))

    expected = store.arrays.explained(target=target)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_the_size_of_batches_changes_nothing_beyond_rounding(
    network: OthelloNet, store: Store, rows: int
) -> None:
    explainer = Explainer(network, dtype="float64")
    sample = sample_of(store)

    found = measure_effects(explainer, sample, rows_at_once=rows)

    expected = measure_effects(explainer, sample)
    for layer, effects in found.items():
        for name, array in effects.numbers().items():
            same = expected[layer].numbers()[name]
            np.testing.assert_allclose(array, same, atol=1e-12)
        np.testing.assert_allclose(effects.policy, expected[layer].policy, atol=1e-12)


def test_a_channel_that_does_nothing_has_no_effect_and_no_control(
    games: Corpus, tmp_path: Path
) -> None:
    network = random_network(4, seed=0)
    with torch.no_grad():
        network.get_parameter("bn2.weight")[1] = 0
        network.get_parameter("bn2.bias")[1] = 0
    corpus = games.sample(20, seed=0)
    path = tmp_path / "run.crp"
    silent = cl.attribute_corpus(network, corpus, path, targets=["best"])

    found = ablate(silent, network).layers["conv2"]

    for name, array in found.numbers().items():
        is_end = name.endswith(("_low", "_high"))
        assert np.isnan(array[1]) if is_end else array[1] == 0, name
    assert not found.beats_control[1]
    assert (np.nan_to_num(found.policy[1]) == 0).all()
    assert (found.size[[0, 2, 3]] > 0).all()
    assert (found.control[[0, 2, 3]] > 0).all()


def test_the_controls_of_channels_are_as_large_as_channels_on_average(
    games: Corpus, tmp_path: Path
) -> None:
    network = random_network(32, seed=1)
    corpus = games.sample(40, seed=0)
    store = cl.attribute_corpus(
        network, corpus, tmp_path / "run.crp", targets=["best"], layers=["conv3"]
    )

    found = ablate(store, network).layers["conv3"]

    assert found.control.mean() == pytest.approx(found.size.mean(), rel=0.2)
    assert found.beats_control.sum() <= 3


def test_the_same_seed_gives_the_same_numbers(
    network: OthelloNet, store: Store
) -> None:
    one, again, other = (
        ablate(store, network, n_positions=5, seed=seed) for seed in (1, 1, 2)
    )

    assert one.to_dict() == again.to_dict()
    assert one.to_dict()["layers"] != other.to_dict()["layers"]


def test_effects_become_a_table_and_json(network: OthelloNet, store: Store) -> None:
    found = ablate(store, network, layers=["conv2", "conv4"], n_positions=3)

    frame = found.frame()
    text = json.dumps(found.to_dict(), allow_nan=False)

    assert list(frame["layer"]) == ["conv2"] * 4 + ["conv4"] * 4
    assert frame["size"].tolist()[4:] == found.layers["conv4"].size.tolist()
    content = json.loads(text)
    assert content["target"] == "best"
    policy = content["layers"]["conv2"]["policy"]
    assert np.array(policy, float).shape == (4, 8, 8)
    assert policy[0][3][3] is None


def test_an_ablation_is_kept_and_replaced_only_when_asked(
    network: OthelloNet, store: Store, tmp_path: Path
) -> None:
    copied = cl.open_store(shutil.copytree(store.path, tmp_path / "run.crp"))
    told: list[tuple[str, int, int]] = []

    found = ablation.ablate(copied, network, n_positions=3)

    kept = copied.results.get(Ablation)
    assert kept is not None
    assert kept.to_dict() == found.to_dict()
    with pytest.raises(OutputExistsError):
        ablation.ablate(copied, network, on_progress=lambda *each: told.append(each))
    assert told == []
    ablation.ablate(copied, network, n_positions=3, overwrite=True)


def test_an_ablation_shows_itself_briefly(network: OthelloNet, store: Store) -> None:
    found = ablate(store, network, layers=["conv2"], n_positions=3)

    assert repr(found) == (
        "Ablation(target='best', ablation='mean', positions=3, layers=[conv2])"
    )
    assert len(repr(found.layers)) < 100
    assert "'best' without one channel" in found._repr_html_().replace("&#39;", "'")


def test_progress_counts_positions(network: OthelloNet, store: Store) -> None:
    told: list[tuple[str, int, int]] = []

    ablate(store, network, n_positions=4, on_progress=lambda *each: told.append(each))

    assert told[-1] == ("ablate", 4, 4)


def test_what_cannot_be_ablated_is_refused(
    network: OthelloNet, store: Store, games: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(NetworkError, match="the store explains"):
        ablate(store, random_network(4, seed=9))
    with pytest.raises(ValueError, match="'noise', expected one of zero, mean, res"):
        ablate(store, network, ablation="noise")
    with pytest.raises(ValueError, match="found 1 to ablate channels on"):
        ablate(store, network, n_positions=1)
    with pytest.raises(LayerError, match="conv9"):
        ablate(store, network, layers=["conv9"])
    with pytest.raises(TargetError, match="no target 'd3'"):
        ablate(store, network, target="d3")
    neuron = cl.attribute_corpus(
        network,
        games[:5],
        tmp_path / "run.crp",
        targets=[cl.lrp.Neuron("conv2", 1)],  # type: ignore[attr-defined]
    )
    with pytest.raises(TargetError, match="'conv2:1' is no output of the network"):
        ablate(neuron, network)


def test_effects_name_what_they_were_made_from(
    network: OthelloNet, store: Store
) -> None:
    found = ablate(store, network, target="value", n_positions=3)

    assert isinstance(found, Ablation)
    assert (found.target, found.ablation, found.positions) == ("value", "mean", 3)
    assert found.network == store.manifest.network["digest"]
    assert found.corpus == store.positions.digest
