"""Two composites in one run: one for channels, one for what goes to the input."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Flat, ReLUBetaSmooth
from zennit.types import Activation, Linear

from conceptlrp.errors import CompositeError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.composites import split_pair
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus
from tests.lrp.conftest import randomize
from tests.lrp.test_baselines import TARGETS, largest, made, with_hooks
from tests.lrp.test_engine import Branching

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: OthelloNet(channels=4),
    "tower": lambda: ResidualTower(channels=3, blocks=2, value_units=6),
    "branching": Branching,
}
PAIRS = [
    "epsilon+epsilon-gamma",
    "epsilon-gamma+epsilon",
    "gradient-x-input+epsilon-plus-flat",
    "epsilon+gradient-x-input",
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_channels_are_the_firsts_and_heatmaps_the_seconds(
    pair: str,
    network: str,
    baseline: str,
    random_positions: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    explainer = made(NETWORKS[network](), composite=pair, baseline=baseline)
    channels, heatmaps = (
        made(NETWORKS[network](), composite=name, baseline=baseline)
        for name in split_pair(pair)
    )
    options = {"targets": TARGETS, "conditional": True}

    found = explainer.attribute(random_positions, **options)
    costs = type(explainer.propagation.costs)
    monkeypatch.setattr(costs, "forward", lambda *_: 1e30)
    down = explainer.attribute(random_positions, **options)

    first = channels.attribute(random_positions, targets=TARGETS)
    second = heatmaps.attribute(random_positions, targets=TARGETS)
    np.testing.assert_array_equal(found.heatmap, second.heatmap)
    assert down.mode == "reverse"
    for layer, relevance in first.relevance.items():
        np.testing.assert_array_equal(found.relevance[layer], relevance)
        maps = found.conditional[layer]
        assert largest(maps, down.conditional[layer]) < 1e-9
        above = explainer.baseline_for(random_positions)
        with explainer.run(random_positions, baseline=above) as passed:
            whole = passed.layer_heatmaps({layer: tensor(relevance)})
        assert largest(maps.sum(2), whole[layer].numpy()) < 1e-9
    assert explainer.composite_name == pair
    assert explainer.rules == channels.rules


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)


def test_a_pair_of_the_same_is_one(random_positions: Corpus) -> None:
    network = OthelloNet(channels=4)
    pair = made(network, composite="epsilon+epsilon")
    one = made(network, composite="epsilon", heatmaps="epsilon")

    assert pair.composite_name == one.composite_name == "epsilon"
    assert len(pair.composites) == 1


def test_any_composites_are_a_pair_and_hooks_give_the_same(
    random_positions: Corpus,
) -> None:
    first = LayerMapComposite([*layer_map_base(), (Linear, Flat())])
    second = LayerMapComposite([*layer_map_base(), (Linear, AlphaBeta())])
    network = Branching()
    explainer = made(network, composite=first, heatmaps=second)
    positions = random_positions[:2]

    found = explainer.attribute(positions, conditional=True, targets=TARGETS)

    # Flat gives relevance to dead units too, which the second composite sends on.
    channels = with_hooks(made(network, composite=first))
    heatmaps = with_hooks(made(network, composite=second))
    relevance = channels.attribute(positions, targets=TARGETS).relevance
    with heatmaps.forward(heatmaps._planes(positions)) as passed:
        for layer, part in relevance.items():
            rows = tensor(found.channels[layer])
            expected = passed.conditional({layer: tensor(part)}, {layer: rows})[0][
                layer
            ]
            assert largest(found.relevance[layer], part) < 1e-9
            assert largest(found.conditional[layer], expected.numpy()) < 1e-9
    assert explainer.composite_name.count("zennit LayerMapComposite") == 2


def test_a_pair_goes_through_hooks_where_one_of_it_must(
    random_positions: Corpus,
) -> None:
    smooth = LayerMapComposite([(Activation, ReLUBetaSmooth()), (Linear, Epsilon())])
    network = randomize(OthelloNet(channels=3)).double()
    options = {"targets": TARGETS, "conditional": {"conv2": [0, 2]}}
    positions = random_positions[:2]
    with pytest.warns(UserWarning, match="ReLUBetaSmooth of 'relu1'.*hooks"):
        pair = Explainer(network, composite="epsilon", heatmaps=smooth, dtype="float64")
    with pytest.warns(UserWarning, match="hooks"):
        alone = Explainer(network, composite=smooth, dtype="float64")
    epsilon = Explainer(network, composite="epsilon", dtype="float64")

    found = pair.attribute(positions, **options)

    first = epsilon.attribute(positions, **options)
    np.testing.assert_array_equal(
        found.heatmap, alone.attribute(positions, **options).heatmap
    )
    for layer, relevance in first.relevance.items():
        assert largest(found.relevance[layer], relevance) < 1e-9
    with alone.forward(alone._planes(positions)) as passed:
        rows = tensor(found.channels["conv2"])
        start = {"conv2": tensor(found.relevance["conv2"])}
        maps = passed.conditional(start, {"conv2": rows})[0]["conv2"]
    np.testing.assert_array_equal(found.conditional["conv2"], maps.numpy())
    assert pair.composites[1] == alone.composites[0]


def test_wrong_pairs_are_refused() -> None:
    network = randomize(OthelloNet(channels=3))

    with pytest.raises(CompositeError, match="unknown composite 'nothing'"):
        Explainer(network, composite="epsilon+nothing")
    with pytest.raises(CompositeError, match="composite for heatmaps already"):
        Explainer(network, composite="epsilon+epsilon-plus", heatmaps="epsilon")
    assert (
        Explainer(network, heatmaps="epsilon-plus").composite_name
        == "epsilon+epsilon-plus"
    )
