"""Heatmaps of single channels: up or down, whichever is the least work."""

from typing import Any

import numpy as np
import pytest
import torch

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.contraction import single_step
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import Strided

TARGETS = ("played", "value")
COMPOSITES = ["epsilon+epsilon-gamma", "epsilon", "epsilon-plus-flat"]


def costs_of(explainer: Explainer) -> Any:
    assert isinstance(explainer.propagation, NativePropagation)
    return type(explainer.propagation.costs)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
@pytest.mark.parametrize("composite", COMPOSITES)
def test_each_target_may_have_channels_of_its_own(
    composite: str, baseline: str, random_positions: Corpus, monkeypatch: Any
) -> None:
    if composite == "epsilon-plus-flat" and baseline == "mean":
        pytest.skip("Flat does not multiply by the activation")
    explainer = Explainer(
        randomize(OthelloNet(channels=6)).double(),
        composite=composite,
        baseline=baseline,
        dtype="float64",
    )
    every = explainer.attribute(random_positions, targets=TARGETS, conditional=True)
    rng, n = np.random.default_rng(0), len(random_positions)
    channels = {layer: rng.integers(0, 6, (n, 2, 3)) for layer in explainer.layers}

    for forward in (0, 1e30):
        monkeypatch.setattr(costs_of(explainer), "forward", lambda *_, f=forward: f)
        found = explainer.channel_heatmaps(random_positions, channels, targets=TARGETS)

        for layer, rows in channels.items():
            index = rows[..., None, None]
            expected = np.take_along_axis(every.conditional[layer], index, 2)
            np.testing.assert_allclose(found[layer], expected, rtol=0, atol=1e-12)


def test_lower_layers_go_up_and_upper_ones_down(random_positions: Corpus) -> None:
    explainer = Explainer(randomize(OthelloNet(channels=16)))
    options = {"conv2": np.arange(16), "conv4": [3]}

    found = explainer.attribute(random_positions, conditional=options)

    parts = [
        explainer.attribute(random_positions, conditional={layer: rows})
        for layer, rows in options.items()
    ]
    assert [found.mode, *(part.mode for part in parts)] == [
        "both",
        "forward",
        "reverse",
    ]
    for part in parts:
        for layer, maps in part.conditional.items():
            np.testing.assert_array_equal(found.conditional[layer], maps)


def test_what_is_divided_is_the_least_work(random_positions: Corpus) -> None:
    explainer = Explainer(randomize(OthelloNet(channels=16)))
    assert isinstance(explainer.propagation, NativePropagation)
    costs, nodes = explainer.propagation.costs, explainer.propagation.nodes
    active = np.ones((8, 64), bool)

    for k in (1, 2, 4, 16, 200):
        starts = {nodes[layer]: 8 * k for layer in explainer.layers}
        swept = costs.divide(starts, active, ())

        names = list(starts)
        every = [
            (costs.forward(tuple(names[:i]), active) if i else 0)
            + costs.reverse(dict.fromkeys(names[i:], 8 * k))
            for i in range(len(names) + 1)
        ]
        assert every[len(swept)] == min(every)


def test_terms_for_dead_units_count_where_relevance_starts_alone() -> None:
    network = randomize(OthelloNet(channels=16))
    explainer = Explainer(network, composite="epsilon-gamma")
    assert isinstance(explainer.propagation, NativePropagation)
    costs, nodes = explainer.propagation.costs, explainer.propagation.nodes
    every, top = explainer.propagation.producing, nodes["conv4"]

    opened = costs.open((top,), every)

    assert len(opened) == 1
    assert costs.reverse({top: 1}) < costs.reverse({top: 1}, every)


def test_a_convolution_behind_an_activation_is_one_step() -> None:
    explainer = Explainer(randomize(OthelloNet(channels=4)))
    assert isinstance(explainer.propagation, NativePropagation)
    engine, nodes = explainer.propagation.engine, explainer.propagation.nodes

    steps = [single_step(engine, nodes[layer]) for layer in explainer.layers]

    assert [engine.program.operations[str(s)].kind for s in steps] == ["conv"] * 4


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_steps_of_strides_and_padding_equal_the_masked_pass(
    layer: str, random_positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = randomize(Strided()).double()
    options = {"targets": ["best"], "conditional": {layer: [0, 2]}}
    explainer = Explainer(network, composite="epsilon-gamma", dtype="float64")
    monkeypatch.setattr(costs_of(explainer), "forward", lambda *_: 1e30)

    found = explainer.attribute(random_positions, **options)
    monkeypatch.setattr(
        "conceptlrp.lrp.engine.propagation.single_step", lambda *_: None
    )
    masked = explainer.attribute(random_positions, **options)

    assert torch.is_grad_enabled()
    assert found.mode == masked.mode == "reverse"
    np.testing.assert_allclose(
        found.conditional[layer], masked.conditional[layer], rtol=0, atol=1e-12
    )
