"""Terms that are exactly zero behind ReLUs: dropping them changes no bit."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.core import BasicHook, Composite, ParamMod
from zennit.rules import Epsilon, Flat, Gamma, Pass, WSquare
from zennit.types import Activation, Convolution, Linear

from conceptlrp.lrp import COMPOSITES, Attribution, Explainer, Neuron
from conceptlrp.lrp.engine import propagation as engine_module, sweep as sweep_module
from conceptlrp.lrp.engine.native import NativeEngine
from conceptlrp.lrp.engine.program import Operation
from conceptlrp.lrp.engine.sweep import Sweep, Tangents
from conceptlrp.networks import OthelloNet, ResidualTower, load_network
from conceptlrp.networks.demo import TOWER
from conceptlrp.othello import Corpus
from conceptlrp.shipped import SHIPPED, demo_path
from tests.lrp.conftest import random_corpus, randomize
from tests.lrp.test_engine import Branching, Strided, with_hooks

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: randomize(OthelloNet(channels=6)),
    "tower": lambda: randomize(ResidualTower(channels=4, blocks=2, value_units=8)),
    "strided": lambda: randomize(Strided()),
    "branching": lambda: randomize(Branching()),
    "shipped": lambda: load_network(demo_path(SHIPPED["demo"].network)),
    "shipped tower": lambda: load_network(demo_path(TOWER)),
}


class Undeferred(Sweep):
    """A sweep that multiplies scales at once, as it must where terms are several.

    Sums in another order are equal to rounding only, so the tests keep the order.
    """

    def _convolve(self, operation: Operation, below: Tangents) -> Tangents:
        found = super()._convolve(operation, below)
        return Tangents(found.rows, found.times(None))


class GammaLike(BasicHook):
    """A user's rule of Gamma's shape: other terms for negative outputs."""

    def __init__(self) -> None:
        super().__init__(
            input_modifiers=[lambda x: x] * 3,
            param_modifiers=[
                ParamMod(lambda p, _: p),
                ParamMod(lambda p, _: p.abs()),
                ParamMod(lambda p, _: -p.abs()),
            ],
            output_modifiers=[lambda z: z] * 3,
            gradient_mapper=lambda r, z: [
                0.0 * r,
                r * (z[0] > 0) / (z[1].abs() + 1.0),
                r * (z[0] <= 0) / (z[2].abs() + 1.0),
            ],
            reducer=lambda x, g: x[1] * g[1] + x[2] * g[2],
        )


def composite_of(convolution: BasicHook, linear: BasicHook | None = None) -> Composite:
    rules = [(Convolution, convolution), (Linear, linear or Epsilon())]
    return LayerMapComposite([*layer_map_base(), *rules])


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(3, seed=5).sample(4, seed=2)


def explain(explainer: Explainer, positions: Corpus, *, value: bool) -> Attribution:
    neuron = Neuron(explainer.layers[-1], 0)
    targets = ["best", "value" if value else "played", neuron]
    return explainer.attribute(positions, targets=targets, conditional=True)


def with_every_term(explainer: Explainer) -> Explainer:
    for rule in engine_of(explainer).rules.values():
        rule.is_gated = False
    return explainer


def engine_of(explainer: Explainer) -> NativeEngine:
    return explainer.propagation.engine


def dropped(explainer: Explainer) -> dict[str, int]:
    """Count the terms that each operation drops."""
    return {
        name: len(rule.terms(every=True)) - len(rule.terms())
        for name, rule in engine_of(explainer).rules.items()
    }


def assert_same_bits(found: Attribution, expected: Attribution) -> None:
    assert found.mode == expected.mode
    np.testing.assert_array_equal(found.input_relevance, expected.input_relevance)
    for layer, relevance in expected.relevance.items():
        np.testing.assert_array_equal(found.relevance[layer], relevance)
    for layer, maps in expected.conditional.items():
        np.testing.assert_array_equal(found.conditional[layer], maps)


CASES = [
    (network, composite)
    for network in NETWORKS
    for composite in (*COMPOSITES, "gamma everywhere", "a user's own")
    if not (network.startswith("shipped") and composite != "epsilon-gamma")
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("network", "composite"), CASES)
def test_dropping_terms_changes_no_bit(
    network: str,
    composite: str,
    mode: str,
    positions: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = NETWORKS[network]()
    own = {"gamma everywhere": Gamma, "a user's own": GammaLike}
    rules = composite_of(own[composite](), Gamma()) if composite in own else composite
    explainer, reference = (
        Explainer(module, composite=rules),
        Explainer(module, composite=rules),
    )
    costs = type(explainer.propagation.costs)
    monkeypatch.setattr(costs, "forward", lambda *_: 2 * (mode == "reverse"))
    monkeypatch.setattr(costs, "reverse", lambda *_: 1)
    monkeypatch.setattr(engine_module, "Sweep", Undeferred)
    monkeypatch.setattr(sweep_module, "_sharing", lambda terms: [[t] for t in terms])

    found = explain(explainer, positions, value=network != "strided")

    expected = explain(
        with_every_term(reference), positions, value=network != "strided"
    )
    assert found.mode == mode
    assert_same_bits(found, expected)
    if "gamma" in composite or composite in own:
        assert sum(dropped(explainer).values()) > 0


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.05, 4.0), st.booleans())
def test_dropping_terms_changes_no_bit_of_any_tower(
    seed: int, gamma: float, gamma_in_heads: bool
) -> None:
    tower = randomize(ResidualTower(3, 1, 6, value_units=4), seed)
    rules = composite_of(Gamma(gamma), Gamma(gamma) if gamma_in_heads else None)
    positions = random_corpus(1, size=6, seed=seed).sample(3, seed=0)

    found = explain(Explainer(tower, composite=rules), positions, value=True)

    reference = with_every_term(Explainer(tower, composite=rules))
    expected = explain(reference, positions, value=True)
    np.testing.assert_array_equal(found.input_relevance, expected.input_relevance)
    for layer, relevance in expected.relevance.items():
        np.testing.assert_array_equal(found.relevance[layer], relevance)


@pytest.mark.parametrize("network", ["othello", "tower", "strided", "branching"])
def test_no_relevance_arrives_at_dead_units_of_gated_operations(
    network: str, positions: Corpus
) -> None:
    explainer = Explainer(NETWORKS[network](), composite=composite_of(Gamma()))
    engine = engine_of(explainer)
    passed = engine.forward(explainer._planes(positions))
    end = engine.program.outputs[0]
    start = {end: passed.values[end][:, None]}

    found = passed.relevance(start, tuple(engine.rules))

    gated = [name for name, rule in engine.rules.items() if rule.is_gated]
    assert gated
    for name in gated:
        assert not found[name][:, 0][passed.values[name] <= 0].any()


class Small(nn.Module):
    """Two convolutions, something between them, and a head."""

    def __init__(self, between: nn.Module, *, twice: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.between = between
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(256, 65)
        self.twice = twice

    def forward(self, planes: Tensor) -> Tensor:
        first = self.conv1(planes)
        second = self.conv2(self.between(first))
        features = self.relu2(second + first if self.twice else second)
        logits: Tensor = self.head(self.flatten(features))
        return logits


def gated_first(network: nn.Module, composite: Composite) -> bool:
    explainer = Explainer(randomize(network), composite=composite)
    return engine_of(explainer).rules["conv1"].is_gated


def test_a_convolution_behind_and_before_relus_is_gated() -> None:
    assert gated_first(Small(nn.ReLU()), composite_of(Gamma()))
    assert gated_first(Small(nn.ReLU6()), composite_of(Gamma()))
    assert gated_first(Small(nn.ReLU(), twice=False), composite_of(GammaLike()))


@pytest.mark.parametrize("between", [nn.LeakyReLU(), nn.Tanh(), nn.GELU(), nn.ELU()])
def test_activations_that_pass_negative_values_keep_every_term(
    between: nn.Module,
) -> None:
    assert not gated_first(Small(between), composite_of(Gamma()))


def test_an_output_that_a_sum_reads_too_keeps_every_term() -> None:
    assert not gated_first(Small(nn.ReLU(), twice=True), composite_of(Gamma()))


@pytest.mark.parametrize("reader", [Flat, WSquare])
def test_a_reader_that_gives_dead_units_relevance_keeps_every_term(
    reader: type[BasicHook], positions: Corpus
) -> None:
    def module_map(_: object, name: str, module: nn.Module) -> BasicHook | Pass | None:
        if isinstance(module, Activation):
            return Pass()
        rules = {"conv1": Gamma(), "conv2": reader(), "head": Epsilon()}
        return rules.get(name)

    composite = Composite(module_map=module_map)
    network = randomize(Small(nn.ReLU())).double()
    explainer = Explainer(network, composite=composite, dtype="float64")

    assert not engine_of(explainer).rules["conv1"].is_gated
    found = explain(explainer, positions, value=False)
    expected = explain(with_hooks(explainer), positions, value=False)
    for layer, maps in expected.conditional.items():
        np.testing.assert_allclose(found.conditional[layer], maps, atol=1e-9)


class Forked(nn.Module):
    """A convolution whose output two ReLUs read, so that it is a layer itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.relu_a, self.relu_b = nn.ReLU(), nn.ReLU()
        self.conv_a, self.conv_b = nn.Conv2d(4, 3, 3), nn.Conv2d(4, 3, 3)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(108, 65)

    def forward(self, planes: Tensor) -> Tensor:
        first = self.conv1(planes)
        joined = self.conv_a(self.relu_a(first)) + self.conv_b(self.relu_b(first))
        logits: Tensor = self.head(self.flatten(self.relu(joined)))
        return logits


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_relevance_that_starts_before_a_relu_meets_every_term(
    mode: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = Explainer(
        randomize(Forked()).double(), composite=composite_of(Gamma()), dtype="float64"
    )
    costs = type(explainer.propagation.costs)
    monkeypatch.setattr(costs, "forward", lambda *_: 2 * (mode == "reverse"))
    monkeypatch.setattr(costs, "reverse", lambda *_: 1)
    targets = ["best", Neuron("conv1", 1), Neuron("conv1", 2, (3, 4))]
    options = {"targets": targets, "conditional": {"conv1": [0, 1, 2]}}

    found = explainer.attribute(positions, **options)

    assert explainer.taps["conv1"] == "conv1"
    assert engine_of(explainer).rules["conv1"].is_gated
    expected = with_hooks(explainer).attribute(positions, **options)
    assert (expected.activation["conv1"] < 0).any()
    for layer, maps in expected.conditional.items():
        np.testing.assert_allclose(found.conditional[layer], maps, atol=1e-9)
    np.testing.assert_allclose(
        found.input_relevance, expected.input_relevance, atol=1e-9
    )
    report = explainer.conservation(positions, targets=targets)
    lost = report.bias.sum(axis=0) + report.stabilizer.sum(axis=0)
    np.testing.assert_allclose(
        found.heatmap.sum(axis=(2, 3)) + lost, found.explained, atol=1e-9
    )


def test_relevance_at_dead_units_needs_the_terms_that_are_asked_for(
    positions: Corpus,
) -> None:
    explainer = Explainer(NETWORKS["othello"](), composite="epsilon-gamma")
    engine = engine_of(explainer)
    passed = engine.forward(explainer._planes(positions))
    dead = (passed.values["relu3"] == 0).float()[:, None]

    plain = passed.relevance({"relu3": dead}, ("relu2",))["relu2"]
    every = passed.relevance({"relu3": dead}, ("relu2",), every={"conv3"})["relu2"]

    for rule in engine.rules.values():
        rule.is_gated = False
    fresh = engine.forward(explainer._planes(positions))
    assert torch.equal(every, fresh.relevance({"relu3": dead}, ("relu2",))["relu2"])
    assert not torch.equal(plain, every)
