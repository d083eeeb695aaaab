"""Relevance above a baseline: the mean map, or the map of another position."""

import copy
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.core import BasicHook
from zennit.rules import (
    AlphaBeta,
    Epsilon,
    Flat,
    Gamma,
    ReLUBetaSmooth,
    WSquare,
    ZBox,
    ZPlus,
)
from zennit.types import Activation, Linear

from conceptlrp.errors import CompositeError, LayerError
from conceptlrp.lrp import (
    COMPOSITES,
    Baseline,
    Explainer,
    Neuron,
    attribute,
    explain,
    mean_baseline,
    resolve_baseline,
)
from conceptlrp.lrp.engine.hooks import HookPropagation
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.probing import VALUE, boards_of, explain_boards
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import PASS, Corpus
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import Branching


class Signed(nn.Module):
    """Layers of both signs: before and after activations, and read more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.tanh = nn.Tanh()
        self.conv2 = nn.Conv2d(4, 5, 3, padding=1)
        self.leaky = nn.LeakyReLU(0.1)
        self.conv3 = nn.Conv2d(5, 4, 3, padding=1)
        self.conv4 = nn.Conv2d(4, 4, 1)
        self.fc1 = nn.Linear(12 * 64, 6)
        self.policy = nn.Linear(6, 65)
        self.value = nn.Linear(6, 1)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        first = self.tanh(self.conv1(planes))
        second = self.leaky(self.conv2(first))
        third = self.conv3(second)
        summed = first + self.conv4(torch.relu(third))
        joined = torch.cat([torch.relu(third), third, summed], dim=1)
        hidden = self.fc1(joined.flatten(1))
        return self.policy(hidden), self.value(hidden)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: OthelloNet(channels=4),
    "tower": lambda: ResidualTower(channels=3, blocks=2, value_units=6),
    "branching": Branching,
    "signed": Signed,
}
RULES: dict[str, BasicHook] = {
    "epsilon": Epsilon(0.01),
    "plus": ZPlus(),
    "gamma": Gamma(0.4),
    "alpha beta": AlphaBeta(2.0, 1.0),
}
TARGETS = ["best", "value"]
#: The gradient is known for ReLU alone.
KNOWN = sorted({*product(COMPOSITES, NETWORKS)} - {("gradient-x-input", "signed")})


def with_rule(rule: BasicHook) -> LayerMapComposite:
    return LayerMapComposite([*layer_map_base(), (Linear, rule)])


def made(network: nn.Module, **options: object) -> Explainer:
    """Return an explainer in float64 of a network with random weights."""
    return Explainer(randomize(network).double(), dtype="float64", **options)


def largest(found: np.ndarray, expected: np.ndarray) -> float:
    scale = max(float(np.abs(expected).max()), 1e-12)
    return float(np.abs(found - expected).max()) / scale


def with_hooks(explainer: Explainer) -> Explainer:
    hooked = copy.copy(explainer)
    hooked.propagation = HookPropagation(
        explainer.network, explainer.composite, explainer.taps
    )
    return hooked


def per_unit(explainer: Explainer, positions: Corpus, layer: str) -> np.ndarray:
    """Return relevance a unit of activation (N, T, C, H, W), as zennit has it.

    Relevance is activation times it, so dead units are given a tiny activation.
    """
    tap = explainer.network.get_submodule(explainer.taps[layer])
    shifted: list[Tensor] = []

    def wake(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        shifted.append(output + 1e-12 * (output == 0))
        return shifted[-1]

    handle = tap.register_forward_hook(wake)
    try:
        found = with_hooks(explainer).attribute(positions, targets=TARGETS)
    finally:
        handle.remove()
    value = shifted[-1].detach().numpy().reshape(found.activation[layer].shape)
    return np.asarray(found.relevance[layer] / value[:, None])


def test_a_mean_baseline_is_the_mean_map_of_its_sample(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network, dtype="float64")

    found = mean_baseline(explainer, random_positions, n_positions=9, seed=3)

    sample = random_positions.sample(9, seed=3)
    for layer, maps in explainer.attribute(sample, targets="best").activation.items():
        np.testing.assert_allclose(found.maps[layer], maps.mean(0), rtol=1e-6)
    assert found.words == "the mean of 9 positions"


def test_baselines_are_equal_where_their_maps_or_donors_are(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)

    means = [mean_baseline(explainer, random_positions, seed=s) for s in (0, 1)]
    donors = [
        resolve_baseline(random_positions[r], explainer, None) for r in ([1, 2], [2, 1])
    ]

    assert means[0] == means[1]  # all positions, whatever the seed
    assert means[0] != mean_baseline(explainer, random_positions, n_positions=5)
    assert donors[0] != donors[1]
    assert Baseline() == resolve_baseline("zero", explainer, None)
    assert Baseline().digest == ""
    assert len({*means, *donors, Baseline()}) == 4


def test_what_is_no_baseline_is_refused(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)

    with pytest.raises(ValueError, match="'median', expected 'zero', 'mean'"):
        resolve_baseline("median", explainer, random_positions)
    with pytest.raises(ValueError, match="give the donors' positions instead"):
        resolve_baseline("donor", explainer, random_positions)
    with pytest.raises(ValueError, match="mean of one position is its own map"):
        resolve_baseline("mean", explainer, random_positions[:1])
    with pytest.raises(ValueError, match="needs the positions of its donors"):
        Baseline("donor")
    with pytest.raises(ValueError, match="has no maps"):
        Baseline("mean")
    with pytest.raises(ValueError, match="3 donors for 4 positions"):
        resolve_baseline(random_positions[:3], explainer, None).check({}, 4)
    with pytest.raises(LayerError, match="no mean of 'conv9'"):
        mean_baseline(explainer, random_positions).check({"conv9": {}}, 4)


def test_means_that_do_not_fit_the_network_are_refused(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)
    maps = mean_baseline(explainer, random_positions).maps
    wrong = {
        r"'conv1' has shape \(1, 8, 8\), expected": {n: m[:1] for n, m in maps.items()},
        "'conv1' holds nan": {**maps, "conv1": maps["conv1"] * np.nan},
        "'conv1' is list, expected an array": {"conv1": maps["conv1"].tolist()},
        r"'conv1' has shape \(\d+,\) of float32": {"conv1": maps["conv1"].ravel()},
    }

    for message, bad in wrong.items():
        with pytest.raises((LayerError, ValueError, TypeError), match=message):
            explainer.attribute(
                random_positions, targets="best", baseline=Baseline("mean", bad)
            )


def test_a_mean_without_a_corpus_is_taken_over_the_one_that_ships() -> None:
    large = Explainer(randomize(OthelloNet(channels=2)))

    found = resolve_baseline("mean", large, None)

    assert (found.kind, found.positions) == ("mean", 1024)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_relevance_above_a_baseline_is_zennits_a_unit_times_the_difference(
    network: str, rule: str, random_positions: Corpus
) -> None:
    explainer = made(NETWORKS[network](), composite=with_rule(RULES[rule]))
    positions = random_positions[:4]
    baseline = mean_baseline(explainer, random_positions)

    found = explainer.attribute(positions, targets=TARGETS, baseline=baseline)

    for layer, relevance in found.relevance.items():
        rho = per_unit(explainer, positions, layer)
        above = found.activation[layer] - baseline.maps[layer]
        expected = rho * above[:, None]
        if rule == "alpha beta":
            # Where a dead unit wakes, a denominator of zero may change its sign.
            living = found.activation[layer][:, None] != 0
            relevance, expected = relevance * living, expected * living
        # A trillionth of activation weighs where denominators are near zero.
        assert largest(relevance, expected) < 1e-6, layer


@pytest.mark.parametrize(("composite", "network"), KNOWN)
def test_channels_sum_to_the_layer_and_both_modes_agree(
    composite: str,
    network: str,
    random_positions: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    explainer = made(NETWORKS[network](), composite=composite)
    assert isinstance(explainer.propagation, NativePropagation)
    positions, donors = random_positions[:3], random_positions[3:6]
    options = {"targets": TARGETS, "baseline": donors}

    monkeypatch.setattr(type(explainer.propagation.costs), "forward", lambda *_: 0)
    upwards = explainer.attribute(positions, conditional=True, **options)
    monkeypatch.setattr(type(explainer.propagation.costs), "forward", lambda *_: 1e30)
    down = explainer.attribute(positions, conditional=True, **options)
    alone = explainer.attribute(
        positions, conditional={layer: [] for layer in explainer.layers}, **options
    )

    assert (upwards.mode, down.mode, alone.mode) == ("forward", "reverse", "")
    for layer, maps in upwards.conditional.items():
        assert largest(maps, down.conditional[layer]) < 1e-9
        assert largest(maps.sum(2), alone.layer_heatmap[layer]) < 1e-9
        np.testing.assert_array_equal(maps.sum(2), upwards.layer_heatmap[layer])


@pytest.mark.parametrize(("composite", "network"), KNOWN)
def test_baseline_zero_gives_what_there_was_and_its_own_map_gives_nothing(
    composite: str, network: str, random_positions: Corpus
) -> None:
    explainer = made(NETWORKS[network](), composite=composite)
    positions = random_positions[:3]
    shapes = {n: tuple(s.values()) for n, s in explainer.shapes.items()}
    nothing = Baseline("mean", {n: np.zeros(s) for n, s in shapes.items()})
    plain = explainer.attribute(positions, targets=TARGETS, conditional=True)

    named = explainer.attribute(
        positions, targets=TARGETS, conditional=True, baseline="zero"
    )
    zero = explainer.attribute(positions, targets=TARGETS, baseline=nothing)
    own = explainer.attribute(positions, targets=TARGETS, baseline=positions)

    for layer, relevance in plain.relevance.items():
        np.testing.assert_array_equal(named.relevance[layer], relevance)
        np.testing.assert_array_equal(
            named.conditional[layer], plain.conditional[layer]
        )
        assert largest(zero.relevance[layer], relevance) < 1e-12
        assert np.abs(own.relevance[layer]).max() <= 1e-12 * np.abs(relevance).max()
    np.testing.assert_array_equal(own.heatmap, plain.heatmap)
    assert (plain.baseline, own.baseline) == ("zero", "donor")


@pytest.mark.parametrize("network", ["othello", "tower", "branching"])
def test_gradient_times_difference_is_autograds(
    network: str, random_positions: Corpus
) -> None:
    explainer = made(NETWORKS[network](), composite="gradient-x-input")
    positions, donors = random_positions[:2], random_positions[2:4]
    found = explainer.attribute(positions, targets=["value"], baseline=donors)
    there = explainer.attribute(donors, targets=["value"])

    for layer, tap in explainer.taps.items():
        kept: list[Tensor] = []
        handle = explainer.network.get_submodule(tap).register_forward_hook(
            lambda _m, _i, out, kept=kept: kept.append(out)
        )
        with explainer.forward(explainer._planes(positions)) as passed:
            planes = passed.passed.values[explainer.propagation.input].clone()  # type: ignore[union-attr]
            value = explainer.network(planes.requires_grad_())[1].sum()
        handle.remove()
        (slope,) = torch.autograd.grad(value, kept[-1], materialize_grads=True)
        slope = slope.reshape(found.activation[layer].shape)
        above = found.activation[layer] - there.activation[layer]
        assert largest(found.relevance[layer][:, 0], slope.numpy() * above) < 1e-9


def test_epsilon_in_the_limit_is_gradient_times_difference(
    random_positions: Corpus,
) -> None:
    network = OthelloNet(channels=4)
    gradient = made(network, composite="gradient-x-input")
    epsilon = made(network, composite=with_rule(Epsilon(1e-14)))
    options = {
        "targets": TARGETS,
        "baseline": mean_baseline(gradient, random_positions),
    }

    expected = gradient.attribute(random_positions[:4], **options)
    found = epsilon.attribute(random_positions[:4], **options)

    for layer, relevance in expected.relevance.items():
        assert largest(found.relevance[layer], relevance) < 1e-9


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", ["othello", "tower", "signed"])
def test_edges_above_a_baseline_sum_to_the_relevance_above_it(
    network: str, rule: str, random_positions: Corpus
) -> None:
    explainer = made(NETWORKS[network](), composite=with_rule(RULES[rule]))
    positions, donors = random_positions[:3], random_positions[3:6]

    graph = explainer.concept_graph(
        positions, targets=TARGETS, per_position=True, baseline=donors, batch_size=2
    )

    found = explainer.attribute(positions, targets=TARGETS, baseline=donors)
    arriving: dict[str, np.ndarray] = {}
    for (_, lower), edges in graph.edges.items():
        arriving[lower] = arriving.get(lower, 0.0) + edges.sum(2)
    assert arriving
    whole = {"othello": ("conv1", "conv2", "conv3"), "signed": ()}
    for layer in whole.get(network, tuple(arriving)[:-1]):
        assert largest(arriving[layer], found.channel_relevance[layer]) < 1e-9


class Dense(nn.Module):
    """One layer of sixty-four inputs, one of hidden units and a policy."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 1)
        self.fc1 = nn.Linear(128, 9)
        self.policy = nn.Linear(9, 65)

    def forward(self, planes: Tensor) -> Tensor:
        first = torch.relu(self.conv1(planes)).flatten(1)
        return self.policy(torch.relu(self.fc1(first)))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(["gamma", "alpha beta", "plus"]))
def test_relevance_above_a_baseline_is_its_matrix_form(seed: int, rule: str) -> None:
    explainer = Explainer(
        randomize(Dense(), seed).double(),
        composite=with_rule(RULES[rule]),
        layers="fc1",
        dtype="float64",
    )
    rng = np.random.default_rng(seed)
    boards = rng.integers(-1, 2, (2, 8, 8))
    b = rng.normal(size=9)
    mean = Baseline("mean", {"fc1": b.reshape(9, 1, 1)})

    found = explainer.attribute(boards, targets="best", baseline=mean)

    policy = explainer.network.get_submodule("policy")
    weights, biases = policy.weight.numpy(), policy.bias.numpy()
    for move, a, y, relevance in zip(
        found.squares[:, 0],
        found.activation["fc1"][:, :, 0, 0],
        found.explained[:, 0],
        found.relevance["fc1"][:, 0, :, 0, 0],
        strict=True,
    ):
        action = 64 if move == PASS else move
        rho = policy_per_unit(rule, weights[action], biases[action], a, y)
        np.testing.assert_allclose(relevance, rho * (a - b), rtol=1e-9, atol=1e-12)


def policy_per_unit(
    rule: str, w: np.ndarray, c: float, a: np.ndarray, y: float
) -> np.ndarray:
    """Return relevance a unit of the hidden units (9,), written out for one output."""
    plus, minus = np.maximum(w, 0), np.minimum(w, 0)

    def share(weight: np.ndarray, bias: float) -> np.ndarray:
        z = weight @ a + bias
        return np.asarray(weight / (z + np.copysign(1e-6, z + 0.0)))

    if rule == "plus":
        return y * share(plus, max(c, 0))
    if rule == "gamma":
        chosen = plus if y > 0 else minus
        bias = max(c, 0) if y > 0 else min(c, 0)
        return y * share(w + 0.4 * chosen, c + 0.4 * bias)
    return y * (2 * share(plus, max(c, 0)) - share(minus, min(c, 0)))


FIRST = {"flat": Flat(), "w square": WSquare(), "z box": ZBox(-1.0, 1.0)}


@pytest.mark.parametrize("rule", FIRST)
def test_a_rule_that_does_not_multiply_by_the_activation_is_refused(
    rule: str, random_positions: Corpus
) -> None:
    network, composite = OthelloNet(channels=3), with_rule(FIRST[rule])
    kind = type(FIRST[rule]).__name__

    with pytest.raises(CompositeError, match=f"'conv1'.*'conv2' reads it under {kind}"):
        made(network, composite=composite, baseline="mean")
    with pytest.raises(CompositeError, match="reads it under no rule"):
        made(network, composite=LayerMapComposite([]), baseline="mean")
    explainer = made(network, composite=composite)
    with pytest.raises(CompositeError, match="cannot be taken above a baseline"):
        explainer.attribute(random_positions[:2], baseline=random_positions[2:4])


@pytest.mark.parametrize("target", [Neuron("conv2", 1), Neuron("conv3", 0, (1, 1))])
def test_the_layer_of_a_target_has_the_target_as_relevance(
    target: Neuron, random_positions: Corpus
) -> None:
    explainer = made(OthelloNet(channels=3), composite="epsilon")
    positions, donors = random_positions[:3], random_positions[3:6]

    plain = explainer.attribute(positions, targets=target)
    found = explainer.attribute(positions, targets=target, baseline=donors)

    own, expected = found.relevance[target.layer], plain.relevance[target.layer]
    np.testing.assert_array_equal(own, expected)
    assert largest(found.relevance["conv1"], plain.relevance["conv1"]) > 0.1
    assert not found.relevance["conv4"].any()


def test_below_a_target_its_reader_is_above_the_baseline(
    random_positions: Corpus,
) -> None:
    explainer = made(Signed(), composite="epsilon")
    positions, donors = random_positions[:3], random_positions[3:6]

    found = explainer.attribute(positions, targets="conv4:2", baseline=donors)

    there = explainer.attribute(donors, targets="value")
    weight = explainer.network.get_submodule("conv4").weight[2, :, 0, 0].numpy()
    z, out = found.activation["conv3"], found.activation["conv4"][:, 2]
    scale = out / (out + np.copysign(1e-6, out))
    rho = scale[:, None] * weight[:, None, None] * (z > 0)
    expected = rho * (z - there.activation["conv3"])
    assert largest(found.relevance["conv3"][:, 0], expected) < 1e-9


def test_hooks_refuse_a_baseline_and_say_why(random_positions: Corpus) -> None:
    composite = LayerMapComposite([(Activation, ReLUBetaSmooth()), (Linear, Epsilon())])
    with pytest.warns(UserWarning, match="zennit's hooks"):
        explainer = made(OthelloNet(channels=3), composite=composite)

    with pytest.raises(CompositeError, match=r"engine: ReLUBetaSmooth of 'relu1'"):
        explainer.attribute(random_positions[:2], baseline="mean")


def test_batches_and_float32_change_nothing_but_rounding(
    random_positions: Corpus,
) -> None:
    explainer = made(OthelloNet(channels=4), baseline="mean")
    donors = random_positions[::-1]

    whole = explainer.attribute(random_positions, targets=TARGETS, baseline=donors)
    parts = explainer.attribute(
        random_positions, targets=TARGETS, baseline=donors, batch_size=5
    )
    summed = explainer.summarize(random_positions, targets=TARGETS, baseline=donors)

    for layer, relevance in whole.relevance.items():
        assert largest(parts.relevance[layer], relevance) < 1e-12
        assert largest(summed.relevance[layer], relevance.sum((3, 4))) < 1e-12


def test_the_mean_is_taken_once_over_what_is_explained_first(
    random_positions: Corpus,
) -> None:
    network = randomize(OthelloNet(channels=4)).double()
    explainer = Explainer(network, baseline="mean", dtype="float64")

    found = explainer.attribute(random_positions, targets=TARGETS)
    again = explainer.attribute(random_positions[:3], targets=TARGETS)

    mean = mean_baseline(explainer, random_positions)
    assert explainer.baseline == mean
    assert found.baseline == "mean"
    by_call = attribute(
        network, random_positions, targets=TARGETS, baseline=mean, dtype="float64"
    )
    for layer, relevance in found.relevance.items():
        np.testing.assert_array_equal(by_call.relevance[layer], relevance)
        assert largest(again.relevance[layer], relevance[:3]) < 1e-12
    boards = boards_of(random_positions[:2])
    shown = explain_boards(explainer, boards, [[VALUE], [VALUE]])
    for layer, relevance in found.channel_relevance.items():
        assert largest(shown.channels[layer][:, 0], relevance[:2, 1]) < 1e-12


def test_one_position_is_explained_above_the_mean_of_the_corpus_that_ships() -> None:
    found = explain(randomize(OthelloNet(channels=3)), "f5d6c3", baseline="mean")

    assert found.baseline == "mean"
    assert "above mean" in repr(found)
