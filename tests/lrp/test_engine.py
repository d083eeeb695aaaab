"""The native engine against zennit's hooks, and what must hold of it alone."""

import copy
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from zennit.composites import LayerMapComposite, NameMapComposite, layer_map_base
from zennit.core import BasicHook, Composite, ParamMod, Stabilizer
from zennit.layer import Sum
from zennit.rules import (
    AlphaBeta,
    Epsilon,
    Flat,
    Gamma,
    Norm,
    Pass,
    ReLUBetaSmooth,
    WSquare,
    ZBox,
    ZPlus,
)
from zennit.types import Activation, AvgPool, Convolution, Linear

from conceptlrp.lrp import COMPOSITES, Attribution, Explainer, Moves, Neuron
from conceptlrp.lrp.engine import hooks
from conceptlrp.lrp.engine.hooks import HookPropagation
from conceptlrp.networks import OthelloNet, ResidualTower, demo_corpus, load_network
from conceptlrp.networks.demo import TOWER
from conceptlrp.othello import Corpus
from conceptlrp.shipped import SHIPPED, demo_path
from tests.lrp.conftest import random_corpus, randomize


class Strided(nn.Module):
    """Strides, even kernels, dilation, pooling and functional activations."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(4, 5, 2, stride=2, padding=1)
        self.relu2 = nn.ReLU()
        self.pool = nn.AvgPool2d(2, stride=1)
        self.conv3 = nn.Conv2d(5, 6, 3, padding=2, dilation=2)
        self.fc1 = nn.Linear(96, 7)
        self.policy = nn.Linear(7, 65)

    def forward(self, planes: Tensor) -> Tensor:
        features = torch.relu(self.conv1(planes))
        features = self.pool(self.relu2(self.conv2(features)))
        features = nn.functional.relu(self.conv3(features))
        hidden = self.fc1(torch.flatten(features, 1)).relu()
        return self.policy(hidden)


class Branching(nn.Module):
    """A residual sum, a concatenation, two heads and adaptive pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.conv_a = nn.Conv2d(4, 4, 3, padding=1)
        self.conv_b = nn.Conv2d(4, 4, 3, padding=1)
        self.bn_b = nn.BatchNorm2d(4)
        self.conv_c = nn.Conv2d(4, 3, 1)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.policy = nn.Linear(7 * 4, 65)
        self.value = nn.Linear(7 * 4, 1)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        stem = self.relu1(self.bn(self.stem(planes)))
        block = self.bn_b(self.conv_b(self.relu2(self.conv_a(stem))))
        block = self.relu3(stem + block)
        joined = torch.cat([block, torch.relu(self.conv_c(stem))], dim=1)
        vector = self.pool(joined).flatten(1)
        return self.policy(vector), self.value(vector)


def every_layer(rule: BasicHook, first: BasicHook | None = None) -> Composite:
    """Give all convolutions and linear modules one rule, perhaps the first another."""
    maps = [*layer_map_base(), (Linear, rule)]
    if first is None:
        return LayerMapComposite(maps)
    named = NameMapComposite([(("conv1", "stem"), first)])
    rest = LayerMapComposite(maps)
    return Composite(
        module_map=lambda ctx, name, module: (
            named.mapping(ctx, name, module) or rest.mapping(ctx, name, module)
        )
    )


class Halved(BasicHook):
    """A rule of a user's own: half of epsilon and half of the squared weights."""

    def __init__(self) -> None:
        super().__init__(
            input_modifiers=[lambda x: x, torch.ones_like],
            param_modifiers=[
                ParamMod(lambda p, _: p),
                ParamMod(lambda p, _: p**2, zero_params=["bias"]),
            ],
            gradient_mapper=lambda r, z: [0.5 * r / (z[0] + 0.1), 0.5 * r / z[1]],
            reducer=lambda x, g: x[0] * g[0] + g[1],
        )


RULES: dict[str, Callable[[], Composite]] = {
    "epsilon": lambda: every_layer(Epsilon()),
    "epsilon large": lambda: every_layer(Epsilon(0.5)),
    "epsilon clipped": lambda: every_layer(Epsilon(Stabilizer(0.1, clip=True))),
    "epsilon scaled": lambda: every_layer(Epsilon(Stabilizer(0.1, norm_scale=True))),
    "epsilon without bias": lambda: every_layer(Epsilon(zero_params="bias")),
    "z plus": lambda: every_layer(ZPlus()),
    "z plus without bias": lambda: every_layer(ZPlus(zero_params=["bias"])),
    "gamma": lambda: every_layer(Gamma(0.7)),
    "alpha beta": lambda: every_layer(AlphaBeta(3.0, 2.0)),
    "w square": lambda: every_layer(WSquare()),
    "flat": lambda: every_layer(Flat()),
    "z box": lambda: every_layer(Epsilon(), ZBox(-1.0, 1.0)),
    "flat first": lambda: every_layer(Gamma(0.25), Flat()),
    "norm pools": lambda: LayerMapComposite(
        [
            (Activation, Pass()),
            (AvgPool, Epsilon()),
            (Sum, Norm(0.1)),
            (Linear, ZPlus()),
        ]
    ),
    "gradient": lambda: LayerMapComposite([(Sum, Norm())]),
    "a user's own": lambda: every_layer(Halved()),
}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: OthelloNet(channels=3),
    "strided": Strided,
    "branching": Branching,
    "tower": lambda: ResidualTower(channels=3, blocks=2, value_units=8),
    "six by six": lambda: OthelloNet(channels=3, size=6),
}


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(3, seed=5).sample(5, seed=2)


def positions_for(network: nn.Module) -> Corpus:
    size = getattr(network, "size", 8)
    return random_corpus(3, size=size, seed=5).sample(5, seed=2)


def explain(explainer: Explainer, positions: Corpus, *, value: bool) -> Attribution:
    layers = list(explainer.layers)
    targets = ["best", "value" if value else "played", Neuron(layers[2], 0)]
    conditional = {layer: [0] for layer in layers[1:]}
    return explainer.attribute(positions, targets=targets, conditional=conditional)


def with_hooks(explainer: Explainer) -> Explainer:
    hooked = copy.copy(explainer)
    hooked.propagation = HookPropagation(
        explainer.network, explainer.composite, explainer.taps
    )
    return hooked


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    scale = max(float(np.abs(expected).max()), 1e-300)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_zennits_hooks(rule: str, network: str) -> None:
    module = randomize(NETWORKS[network]()).double()
    positions = positions_for(module)
    explainer = Explainer(module, composite=RULES[rule](), dtype="float64")
    value = network != "strided"

    found = explain(explainer, positions, value=value)

    expected = explain(with_hooks(explainer), positions, value=value)
    assert found.mode in ("forward", "reverse", "both")
    assert_close(found.input_relevance, expected.input_relevance)
    for layer, heatmaps in expected.conditional.items():
        assert_close(found.conditional[layer], heatmaps)
    for layer in explainer.layers:
        assert_close(found.relevance[layer], expected.relevance[layer])
        np.testing.assert_allclose(
            found.activation[layer], expected.activation[layer], atol=1e-12
        )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rule", ["gamma", "alpha beta", "flat first", "z box"])
def test_forward_mode_equals_reverse_mode(
    rule: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = randomize(NETWORKS[network]()).double()
    positions = positions_for(module)
    explainer = Explainer(module, composite=RULES[rule](), dtype="float64")
    costs = type(explainer.propagation.costs)

    monkeypatch.setattr(costs, "forward", lambda *_: 0)
    forward = explainer.attribute(positions, targets=["best"], conditional=True)
    monkeypatch.setattr(costs, "reverse", lambda *_: -1)
    reverse = explainer.attribute(positions, targets=["best"], conditional=True)

    assert (forward.mode, reverse.mode) == ("forward", "reverse")
    for layer in explainer.layers:
        assert_close(forward.conditional[layer], reverse.conditional[layer])


def test_few_channels_go_down_and_all_of_them_go_up(positions: Corpus) -> None:
    explainer = Explainer(randomize(OthelloNet(channels=16)))

    few = explainer.attribute(positions, conditional={"conv3": [0]})
    every = explainer.attribute(
        positions, targets=["played", "best", "value"], conditional=True
    )

    assert (few.mode, every.mode) == ("reverse", "forward")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if "flat" in name else pytest.mark.slow)
        for name in COMPOSITES
        if name != "gradient-x-input"
    ],
)
@pytest.mark.parametrize("path", [SHIPPED["demo"].network, TOWER])
def test_a_trained_network_equals_zennits_hooks(path: str, name: str) -> None:
    network, corpus = load_network(demo_path(path)), demo_corpus().sample(4, seed=3)
    explainer = Explainer(network.double(), composite=name, dtype="float64")

    found = explain(explainer, corpus, value=True)

    expected = explain(with_hooks(explainer), corpus, value=True)
    assert_close(found.input_relevance, expected.input_relevance)
    for layer, heatmaps in expected.conditional.items():
        assert_close(found.conditional[layer], heatmaps)


def test_moves_may_differ_from_position_to_position(positions: Corpus) -> None:
    explainer = Explainer(randomize(OthelloNet(channels=5)).double(), dtype="float64")
    moves = Moves(tuple(int(square) for square in positions.played), label="mine")

    found = explainer.attribute(positions, targets=[moves], batch_size=2)

    played = explainer.attribute(positions, targets=["played"])
    assert found.targets == ("moves (mine)",)
    assert_close(found.heatmap, played.heatmap)


@pytest.mark.parametrize("name", COMPOSITES)
def test_conditional_heatmaps_of_a_layer_sum_to_the_heatmap(
    name: str, positions: Corpus
) -> None:
    network = randomize(OthelloNet(channels=5)).double()
    explainer = Explainer(network, composite=name, dtype="float64")

    found = explainer.attribute(positions, targets=["best", "value"], conditional=True)

    for heatmaps in found.conditional.values():
        scale = np.abs(heatmaps).sum(axis=2).max()
        np.testing.assert_allclose(
            heatmaps.sum(axis=2), found.heatmap, rtol=0, atol=1e-12 * scale
        )


def test_a_residual_sum_does_not_double_relevance(positions: Corpus) -> None:
    explainer = Explainer(randomize(Branching()).double(), dtype="float64")

    report = explainer.conservation(positions, targets=["value"])

    place = report.operations.index("add")
    assert np.abs(report.arrived[place]).max() > 0
    np.testing.assert_allclose(report.sent[place], report.arrived[place], rtol=1e-3)
    assert repr(report).startswith("Conservation(")
    assert report.to_dict().keys() == set(report.operations)
    assert "<table" in report._repr_html_()


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha beta", "flat first"])
def test_the_report_accounts_for_all_relevance(rule: str, positions: Corpus) -> None:
    network = randomize(Branching()).double()
    explainer = Explainer(network, composite=RULES[rule](), dtype="float64")

    report = explainer.conservation(positions, targets=["best", "value"])

    found = explainer.attribute(positions, targets=["best", "value"])
    lost = report.bias.sum(axis=0) + report.stabilizer.sum(axis=0)
    np.testing.assert_allclose(
        found.heatmap.sum(axis=(2, 3)) + lost, found.explained, rtol=1e-9, atol=1e-9
    )
    assert list(report.frame().columns) == ["arrived", "sent", "bias", "stabilizer"]


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha beta", "z plus"])
def test_the_concept_graph_adds_up_both_ways(rule: str, positions: Corpus) -> None:
    network = randomize(OthelloNet(channels=5)).double()
    layers = ["conv1", "conv2", "conv3", "conv4", "fc1"]
    explainer = Explainer(
        network, composite=RULES[rule](), layers=layers, dtype="float64"
    )

    graph = explainer.concept_graph(
        positions, targets=["best", "value"], per_position=True
    )

    found = explainer.attribute(positions, targets=["best", "value"])
    report = explainer.conservation(positions, targets=["best", "value"])
    lost = dict(zip(report.operations, report.bias + report.stabilizer, strict=True))
    assert set(graph.edges) == set(zip(layers[1:], layers, strict=False))
    for (upper, lower), edges in graph.edges.items():
        assert_close(edges.sum(axis=2), found.channel_relevance[lower])
        above = found.channel_relevance[upper].sum(axis=2) - lost[upper]
        assert_close(edges.sum(axis=(2, 3)), above)
    assert "ConceptGraph(best, value; " in repr(graph)
    assert graph.to_dict()["positions"] == len(positions)
    summed = explainer.concept_graph(positions, targets=["best", "value"], batch_size=2)
    for pair, edges in graph.edges.items():
        assert_close(summed.edges[pair], edges.sum(axis=0))


def test_epsilon_zero_sends_nothing_where_nothing_is_divided(
    positions: Corpus,
) -> None:
    network = randomize(Strided()).double()
    with torch.no_grad():
        network.get_parameter("conv1.weight")[1] = 0.0
    explainer = Explainer(network, composite=every_layer(Epsilon(0.0)), dtype="float64")

    found = explainer.attribute(positions, conditional=True, targets=["best"])

    assert np.isfinite(found.heatmap).all()
    assert np.isfinite(found.conditional["conv1"]).all()


def gradient_times_input(network: nn.Module, planes: Tensor, action: int) -> np.ndarray:
    planes = planes.clone().requires_grad_()
    outputs = network(planes)
    logits = outputs[0] if isinstance(outputs, tuple) else outputs
    logits[:, action].sum().backward()
    return (planes.grad * planes).detach().numpy()


@pytest.mark.parametrize("network", ["othello", "strided", "branching"])
def test_gradient_times_input_is_autograds(network: str, positions: Corpus) -> None:
    module = randomize(NETWORKS[network]()).double()
    explainer = Explainer(module, composite="gradient-x-input", dtype="float64")
    best = explainer.attribute(positions[:1], targets=["best"], conditional=True)
    action = int(best.squares[0, 0])

    expected = gradient_times_input(module, explainer._planes(positions[:1]), action)

    assert_close(best.input_relevance[:, 0], expected)
    for layer in ("conv1", "conv2", "conv3") if network != "branching" else ("stem",):
        assert_close(best.conditional[layer].sum(axis=2), best.heatmap)


def test_gradient_times_input_is_epsilon_in_the_limit(positions: Corpus) -> None:
    network = randomize(OthelloNet(channels=5)).double()
    limit = Explainer(network, composite=every_layer(Epsilon(0.0)), dtype="float64")
    gradient = Explainer(network, composite="gradient-x-input", dtype="float64")

    expected = gradient.attribute(
        positions, targets=["best", "value"], conditional={"conv3": [0, 4]}
    )

    found = limit.attribute(
        positions, targets=["best", "value"], conditional={"conv3": [0, 4]}
    )
    assert_close(found.input_relevance, expected.input_relevance)
    assert_close(found.relevance["conv2"], expected.relevance["conv2"])
    assert_close(found.conditional["conv3"], expected.conditional["conv3"])


def test_what_the_engine_does_not_know_goes_through_hooks_with_one_warning(
    positions: Corpus,
) -> None:
    composite = LayerMapComposite([(Activation, ReLUBetaSmooth()), (Linear, Epsilon())])
    with pytest.warns(UserWarning, match="ReLUBetaSmooth of 'relu1'.*hooks"):
        explainer = Explainer(randomize(OthelloNet(channels=3)), composite=composite)

    found = explainer.attribute(positions, conditional={"conv2": [0]})

    assert found.mode == "hooks"
    assert np.abs(found.conditional["conv2"]).max() > 0


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "flat first"])
def test_differentiating_twice_gives_the_same_heatmaps(
    rule: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = randomize(Branching()).double()
    explainer = Explainer(module, composite=RULES[rule](), dtype="float64")
    monkeypatch.setattr(hooks, "_FEW_PASSES", 0)
    conditional = {"stem": [0, 3], "conv_b": [1], "relu3": [2]}

    twice = with_hooks(explainer).attribute(
        positions[:2], targets=["best", "value"], conditional=conditional
    )

    native = explainer.attribute(
        positions[:2], targets=["best", "value"], conditional=conditional
    )
    for layer, heatmaps in native.conditional.items():
        assert_close(twice.conditional[layer], heatmaps)


def test_known_rules_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Explainer(randomize(Branching()))


def test_rotating_board_and_weights_rotates_the_heatmap(positions: Corpus) -> None:
    network = randomize(Strided()).double()
    network.conv2 = nn.Conv2d(4, 5, 3, padding=1).double()
    network.pool = nn.AvgPool2d(2)  # maps onto itself under rotation
    network.fc1 = nn.Linear(96, 7).double()
    randomize(network)
    rotated = copy.deepcopy(network)
    with torch.no_grad():
        for name in ("conv1", "conv2", "conv3"):
            weight = rotated.get_parameter(f"{name}.weight")
            weight.copy_(torch.rot90(weight, 1, (2, 3)))
        fc1 = rotated.get_parameter("fc1.weight")
        maps = fc1.reshape(7, 6, 4, 4)
        fc1.copy_(torch.rot90(maps, 1, (2, 3)).reshape(7, 96))
    symmetry = next(
        s
        for s in range(8)
        if np.array_equal(
            Explainer(network)._planes(positions.turned_by(s)),
            torch.rot90(Explainer(network)._planes(positions), 1, (2, 3)),
        )
    )
    target = Neuron("fc1", 2)

    plain = Explainer(network, layers=["fc1"], dtype="float64")
    turned = Explainer(rotated, layers=["fc1"], dtype="float64")

    assert_close(
        turned.attribute(positions.turned_by(symmetry), targets=[target]).heatmap,
        np.rot90(plain.attribute(positions, targets=[target]).heatmap, 1, (2, 3)),
    )


def test_every_convolution_type_has_a_rule_in_zennit() -> None:
    assert issubclass(nn.Conv2d, Convolution)
