"""The forward-mode sweep: blocks, squares without tangents, single neurons."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import CompositeError
from conceptlrp.lrp import Attribution, Explainer, Neuron
from conceptlrp.lrp.engine import propagation as engine_module
from conceptlrp.lrp.engine.sweep import Sweep, Tangents
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: OthelloNet(channels=5),
    "tower": lambda: ResidualTower(channels=3, blocks=2, value_units=8),
}


class Measured(Sweep):
    """A sweep that notes how much its tangents take, and which squares have one."""

    largest = 0
    squares: list[np.ndarray]

    def tangents(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, Tangents]]:
        Measured.squares.append(self.plan.active)
        for name, found in super().tangents(wanted):
            Measured.largest = max(Measured.largest, found.data.nbytes)
            yield name, found


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> type[Measured]:
    monkeypatch.setattr(engine_module, "Sweep", Measured)
    Measured.largest, Measured.squares = 0, []
    return Measured


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(3, seed=5).sample(5, seed=2)


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    scale = max(float(np.abs(expected).max()), 1e-300)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-9)


def explain(explainer: Explainer, positions: Corpus) -> Attribution:
    return explainer.attribute(positions, targets=["best", "value"], conditional=True)


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-plus-flat"])
@pytest.mark.parametrize(
    "budget", [pytest.param(1, marks=pytest.mark.slow), 20_000, 200_000, 1 << 29]
)
def test_a_sweep_stays_in_its_memory_budget_and_changes_nothing(
    budget: int, composite: str, positions: Corpus, measured: type[Measured]
) -> None:
    network = randomize(OthelloNet(channels=8)).double()
    options = {"composite": composite, "dtype": "float64"}
    whole = explain(Explainer(network, **options), positions)
    measured.largest = 0

    found = explain(Explainer(network, memory_budget=budget, **options), positions)

    assert found.mode == whole.mode == "forward"
    one_square = 25 * 8 * 8  # sites that a square reaches behind conv2, float64
    assert 0 < measured.largest <= max(budget, 2 * one_square)
    for layer, heatmaps in whole.conditional.items():
        assert_close(found.conditional[layer], heatmaps)


def test_empty_squares_need_no_tangent_where_the_rule_multiplies_by_the_input(
    positions: Corpus, measured: type[Measured]
) -> None:
    network = randomize(OthelloNet(channels=8))
    occupied = np.array(
        [
            int(o | p).bit_count()
            for o, p in zip(positions.own, positions.opponent, strict=True)
        ]
    )

    explain(Explainer(network, composite="epsilon"), positions)

    assert [active.sum(axis=1).tolist() for active in measured.squares] == [
        occupied.tolist()
    ]


@pytest.mark.parametrize("composite", ["epsilon-flat", "epsilon-w-square"])
def test_empty_squares_have_tangents_where_a_rule_gives_them_relevance(
    composite: str, positions: Corpus, measured: type[Measured]
) -> None:
    explain(
        Explainer(randomize(OthelloNet(channels=8)), composite=composite), positions
    )

    assert all(active.all() for active in measured.squares)


def test_an_empty_board_has_no_relevance_under_epsilon() -> None:
    explainer = Explainer(randomize(OthelloNet(channels=8)), composite="epsilon")
    boards = np.zeros((2, 8, 8), np.int8)

    found = explainer.attribute(boards, targets=["value"], conditional=True)

    assert not any(maps.any() for maps in found.conditional.values())


def test_the_gradient_is_refused_where_rules_are_asked_about(
    positions: Corpus,
) -> None:
    explainer = Explainer(
        randomize(OthelloNet(channels=5)), composite="gradient-x-input"
    )

    with pytest.raises(CompositeError, match="no rules that a concept graph"):
        explainer.concept_graph(positions)
    with pytest.raises(CompositeError, match="no rules that a report on conservation"):
        explainer.conservation(positions)


def test_ten_targets_are_ten_times_one(positions: Corpus) -> None:
    network: Callable[[], nn.Module] = NETWORKS["othello"]
    explainer = Explainer(randomize(network()).double(), dtype="float64")
    targets = [Neuron("conv4", channel) for channel in range(5)] + ["best", "value"]

    found = explainer.attribute(positions, targets=targets, conditional=True)

    for t, target in enumerate(targets):
        one = explainer.attribute(positions, targets=[target], conditional=True)
        for layer, heatmaps in one.conditional.items():
            assert_close(found.conditional[layer][:, t], heatmaps[:, 0])


def test_tangents_are_told_apart_by_their_scale() -> None:
    rows = (
        Explainer(randomize(OthelloNet(channels=4)))
        .propagation.sweep_plan(np.ones((1, 64), np.bool_))
        .rows("conv1")
    )
    data = torch.ones(rows.n_rows, 4)
    scale: Tensor = torch.arange(64 * 4.0).view(64, 4)

    found = Tangents(rows, data, scale).times(None)

    assert torch.equal(found, scale[rows.places])
