"""Networks spelled otherwise: each equals its twin, or is refused by name."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from zennit.composites import LayerMapComposite
from zennit.layer import Sum
from zennit.rules import Epsilon, Norm, Pass
from zennit.types import Activation, AvgPool, Linear

from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Attribution, Explainer, attribute
from conceptlrp.networks.planes import board_planes
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize
from tests.lrp.test_engine import assert_close, with_hooks

Step = Callable[..., Tensor]


class Net(nn.Module):
    """Three convolutions, none with a bias, and steps between them that differ."""

    def __init__(
        self, head: Step, *steps: Step, width: int = 384, act: Any = torch.relu
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.squeeze = nn.Linear(6, 3, bias=False)
        self.excite = nn.Linear(3, 6, bias=False)
        self.fc = nn.Linear(width, 65, bias=False)
        self.head, self.steps, self.act = head, steps, act
        randomize(self.double())

    def forward(self, planes: Tensor) -> Tensor:
        maps = self.conv1(planes)
        for step in self.steps:
            maps = step(self, maps)
        return self.head(self, maps)


def flat(net: Net, maps: Tensor) -> Tensor:
    return net.fc(maps.flatten(1))


def active(net: Net, maps: Tensor) -> Tensor:
    return net.act(maps)


def second(net: Net, maps: Tensor) -> Tensor:
    return net.conv2(maps)


def narrow(net: Net, maps: Tensor) -> Tensor:
    return net.fc(maps.mean((2, 3)))


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(2, seed=5).sample(4, seed=2)


def planes_of(positions: Corpus) -> Tensor:
    planes = board_planes(positions.own, positions.opponent)
    return torch.from_numpy(planes).double()


def exact() -> LayerMapComposite:
    """Return epsilon with hardly any, which relevance could be lost to."""
    rules = [(Sum, Norm(1e-30)), (AvgPool, Norm(1e-30)), (Linear, Epsilon(1e-30))]
    return LayerMapComposite([(Activation, Pass()), *rules])


def explain(network: nn.Module, positions: Corpus, **options: Any) -> Attribution:
    given = {"dtype": "float64", "composite": exact(), "conditional": True, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as hooks would warn
        return attribute(network.eval(), positions, targets=["best"], **given)


def assert_equal(found: Attribution, expected: Attribution) -> None:
    scale = max(1.0, float(np.abs(expected.heatmap).max()))
    for one, other in (
        (found.explained, expected.explained),
        (found.heatmap, expected.heatmap),
        *zip(found.relevance.values(), expected.relevance.values(), strict=True),
        *zip(found.conditional.values(), expected.conditional.values(), strict=True),
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * scale)


ACTIVATIONS: dict[str, tuple[Step, nn.Module]] = {
    "F.relu": (F.relu, nn.ReLU()),
    "F.relu, in place": (lambda z: F.relu(z, inplace=True), nn.ReLU()),
    "relu_": (torch.relu_, nn.ReLU()),
    "Tensor.relu_": (lambda z: z.relu_(), nn.ReLU()),
    "clamp": (lambda z: z.clamp(min=0), nn.ReLU()),
    "torch.tanh": (torch.tanh, nn.Tanh()),
    "F.tanh": (F.tanh, nn.Tanh()),
    "Tensor.tanh": (lambda z: z.tanh(), nn.Tanh()),
    "torch.sigmoid": (torch.sigmoid, nn.Sigmoid()),
    "Tensor.sigmoid": (lambda z: z.sigmoid(), nn.Sigmoid()),
    "F.silu": (F.silu, nn.SiLU()),
    "x * sigmoid(x)": (lambda z: z * torch.sigmoid(z), nn.SiLU()),
    "F.gelu": (F.gelu, nn.GELU()),
    "gelu, tanh": (lambda z: F.gelu(z, approximate="tanh"), nn.GELU("tanh")),
    "F.elu": (lambda z: F.elu(z, 0.7), nn.ELU(0.7)),
    "F.selu": (F.selu, nn.SELU()),
    "F.celu": (lambda z: F.celu(z, alpha=2.0), nn.CELU(2.0)),
    "F.leaky_relu": (lambda z: F.leaky_relu(z, 0.2), nn.LeakyReLU(0.2)),
    "leaky_relu_": (lambda z: F.leaky_relu_(z, 0.2), nn.LeakyReLU(0.2)),
    "F.mish": (F.mish, nn.Mish()),
    "x * tanh(softplus(x))": (lambda z: z * torch.tanh(F.softplus(z)), nn.Mish()),
    "F.hardswish": (F.hardswish, nn.Hardswish()),
    "F.hardsigmoid": (F.hardsigmoid, nn.Hardsigmoid()),
    "F.hardtanh": (F.hardtanh, nn.Hardtanh()),
    "F.relu6": (F.relu6, nn.ReLU6()),
    "F.softplus": (F.softplus, nn.Softplus()),
    "F.softsign": (F.softsign, nn.Softsign()),
    "F.logsigmoid": (F.logsigmoid, nn.LogSigmoid()),
    "F.dropout": (lambda z: F.dropout(F.relu(z), 0.3, training=False), nn.ReLU()),
}


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-gamma-flat"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_in_any_spelling_equal_their_modules(
    name: str, composite: str, positions: Corpus
) -> None:
    function, module = ACTIVATIONS[name]
    spelled = Net(flat, active, second, active, act=function)
    twin = Net(flat, active, second, active, act=module)

    found = explain(spelled, positions, composite=composite)

    assert_equal(found, explain(twin, positions, composite=composite))


def relu(_: Net, maps: Tensor) -> Tensor:
    return torch.relu(maps)


def with_weight(net: Net, maps: Tensor) -> Tensor:
    return F.conv2d(maps, net.conv2.weight, None, 1, padding=1)


#: A spelling and its twin: head, steps, and the width that the head reads.
SHAPES: dict[str, tuple[tuple[Step, ...], tuple[Step, ...], int]] = {
    "view": ((lambda n, z: n.fc(z.view(-1, 384)), relu), (flat, relu), 384),
    "view of size": (
        (lambda n, z: n.fc(z.view(z.size(0), -1)), relu),
        (flat, relu),
        384,
    ),
    "reshape of shape": (
        (lambda n, z: n.fc(z.reshape(z.shape[0], 384)), relu),
        (flat, relu),
        384,
    ),
    "torch.flatten": (
        (lambda n, z: n.fc(torch.flatten(z, start_dim=1)), relu),
        (flat, relu),
        384,
    ),
    "view that changes nothing": (
        (flat, lambda _, z: z.view(-1, 6, 8, 8), relu),
        (flat, relu),
        384,
    ),
    "mean": (
        (narrow, relu),
        (lambda n, z: n.fc(F.adaptive_avg_pool2d(z, 1).flatten(1)), relu),
        6,
    ),
    "mean, kept": (
        (lambda n, z: n.fc(z.mean(dim=[-1, -2], keepdim=True).flatten(1)), relu),
        (narrow, relu),
        6,
    ),
    "sum": (
        (lambda n, z: n.fc(z.sum((2, 3)) / 64), relu),
        (narrow, relu),
        6,
    ),
    "squeeze": (
        (
            lambda n, z: n.fc(F.avg_pool2d(z, 8).squeeze(-1).squeeze(-1)),
            relu,
        ),
        (narrow, relu),
        6,
    ),
    "F.conv2d": ((flat, relu, with_weight, relu), (flat, relu, second, relu), 384),
    "F.linear": (
        (lambda n, z: F.linear(z.flatten(1), n.fc.weight), relu),
        (flat, relu),
        384,
    ),
    "matmul": (
        (lambda n, z: z.flatten(1) @ n.fc.weight.T, relu),
        (flat, relu),
        384,
    ),
    "scaled and scaled back": (
        (lambda n, z: n.fc((z * 0.5).flatten(1)) * 2.0, relu),
        (flat, relu),
        384,
    ),
    "divided and doubled": (
        (lambda n, z: n.fc(torch.div(z, 4).flatten(1)) / 0.25, relu),
        (flat, relu),
        384,
    ),
    "negated twice": (
        (lambda n, z: -n.fc((-z).flatten(1)), relu),
        (flat, relu),
        384,
    ),
    "nothing added": ((flat, lambda _, z: torch.relu(z) + 0.0), (flat, relu), 384),
    "difference": (
        (lambda n, z: n.fc((z - n.conv2(z)).flatten(1)), relu),
        (lambda n, z: n.fc((z + (-1.0) * n.conv2(z)).flatten(1)), relu),
        384,
    ),
    "sum of parts": (
        (lambda n, z: n.fc(torch.add(z, n.conv2(z), alpha=0.5).flatten(1)), relu),
        (lambda n, z: n.fc((z + 0.5 * n.conv2(z)).flatten(1)), relu),
        384,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_spellings_equal_their_twins(name: str, positions: Corpus) -> None:
    spelled, twin, width = SHAPES[name]

    found = explain(Net(*spelled, width=width), positions)

    assert_equal(found, explain(Net(*twin, width=width), positions))


def test_what_is_changed_in_place_is_read_changed(positions: Corpus) -> None:
    def in_place(_: Net, maps: Tensor) -> Tensor:
        F.relu_(maps)
        return maps

    found = explain(Net(flat, in_place), positions)

    assert_equal(found, explain(Net(flat, active), positions))


def squeeze_excite(net: Net, maps: Tensor) -> Tensor:
    weights = net.excite(net.act(net.squeeze(maps.mean((2, 3)))))
    return maps * torch.sigmoid(weights).view(-1, 6, 1, 1) + maps


def pooled_bias(net: Net, maps: Tensor) -> Tensor:
    pooled = net.excite(net.squeeze(maps.mean((2, 3))))
    return F.mish(net.conv2(maps) + pooled[:, :, None, None])


def gated(net: Net, maps: Tensor) -> Tensor:
    return torch.sigmoid(net.conv2(maps)) * maps


def block(net: Net, maps: Tensor) -> Tensor:
    return F.leaky_relu(maps - 0.3 * net.conv3(maps))


def spatial(net: Net, maps: Tensor) -> Tensor:
    return maps * torch.sigmoid(net.conv2(maps).mean(1, keepdim=True))


#: Without biases: all relevance arrives.
CONSERVING: dict[str, tuple[tuple[Step, ...], Any]] = {
    "squeeze and excitation, Mish": ((active, squeeze_excite, block), nn.Mish()),
    "pooled bias": ((active, pooled_bias, block), nn.ReLU()),
    "gate": ((active, gated, block), nn.SiLU()),
    "difference": ((active, block), nn.ELU()),
    "scaled": ((active, lambda _, z: z / 3 - 0.1 * z, block), nn.ReLU()),
}


@pytest.mark.parametrize("name", CONSERVING)
def test_all_relevance_arrives_as_hooks_have_it(name: str, positions: Corpus) -> None:
    steps, act = CONSERVING[name]
    network = Net(narrow, *steps, act=act, width=6)

    found = explain(network, positions)

    np.testing.assert_allclose(found.heatmap.sum((2, 3)), found.explained, rtol=1e-9)
    native = Explainer(network, composite=exact(), dtype="float64")
    expected = with_hooks(native).attribute(
        positions, targets=["best"], conditional={"conv1": [0, 3]}
    )
    assert_close(found.heatmap, expected.heatmap)
    assert_close(
        found.conditional["conv1"][:, :, [0, 3]], expected.conditional["conv1"]
    )


@pytest.mark.parametrize("name", CONSERVING)
@pytest.mark.parametrize("composite", ["epsilon", "epsilon-gamma", "epsilon-plus-flat"])
def test_conditional_heatmaps_add_up_in_either_mode(
    composite: str, name: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, act = CONSERVING[name]
    network = Net(narrow, *steps, act=act, width=6)
    explainer = Explainer(network, composite=composite, dtype="float64")

    forward = explainer.attribute(positions, targets=["best"], conditional=True)
    monkeypatch.setattr(type(explainer.propagation.costs), "reverse", lambda *_: 0)  # type: ignore[union-attr]
    monkeypatch.setattr(type(explainer.propagation.costs), "forward", lambda *_: 9)  # type: ignore[union-attr]
    reverse = explainer.attribute(positions, targets=["best"], conditional=True)

    assert reverse.mode == "reverse"
    for layer, heatmaps in forward.conditional.items():
        assert_close(heatmaps, reverse.conditional[layer])
    assert_close(forward.conditional["conv1"].sum(2), forward.heatmap)


@pytest.mark.parametrize("kind", ["constant", "batch norm", "each square"])
def test_a_bias_between_absorbs_its_own_share(kind: str, positions: Corpus) -> None:
    torch.manual_seed(0)
    steps: dict[str, nn.Module] = {"constant": nn.Identity()}
    steps["batch norm"] = randomize(nn.BatchNorm2d(1))
    squares = torch.randn(8, 8).double() + 3.0

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = steps.get(kind, nn.Identity())
            self.fc = nn.Linear(64, 65, bias=False)

        def forward(self, planes: Tensor) -> Tensor:
            shift = {"constant": 0.7, "each square": squares}.get(kind, 0.0)
            return self.fc((self.norm(planes) + shift).flatten(1))

    network = Plain().double().eval()

    found = attribute(
        network, positions, targets=["best"], composite=exact(), dtype="float64"
    )

    board = planes_of(positions)[:, 0]
    norm = network.norm
    weight = torch.tensor(1.0)
    if isinstance(norm, nn.BatchNorm2d):
        weight = norm.weight / (norm.running_var + norm.eps).sqrt()  # type: ignore[operator]
    values = weight * board
    weights = network.fc.weight[found.squares[:, 0]].view(-1, 8, 8)
    # All of weights * (values + bias), of which the values have their share.
    expected = (weights * values).detach().numpy()
    np.testing.assert_allclose(found.heatmap[:, 0], expected, atol=1e-5)


REFUSED: dict[str, tuple[Step, str]] = {
    "two maps": (lambda n, z: z * n.conv2(z), "mul"),
    "square": (lambda _, z: z**2, "pow"),
    "exponential": (lambda _, z: torch.exp(z), "exp"),
    "softmax": (lambda _, z: F.softmax(z, 1), "softmax"),
    "rows": (lambda _, z: F.layer_norm(z, (8,)), "layer_norm"),
    "local response": (lambda n, z: n.act(z), "LocalResponseNorm"),
    "spread": (lambda _, z: z / z.std((1, 2, 3), keepdim=True), "std"),
    "minimum": (lambda n, z: torch.minimum(z, n.conv2(z)), "minimum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused_by_name(name: str, positions: Corpus) -> None:
    step, operation = REFUSED[name]
    network = Net(flat, step, act=nn.LocalResponseNorm(2)).eval()

    with pytest.raises(NetworkError, match=f"no rule for {operation}"):
        attribute(network, positions, targets=["best"])
    with pytest.warns(UserWarning, match="hooks"):
        explainer = Explainer(network, composite="epsilon", allow_gradient=True)
    assert explainer.gradients[0].startswith(operation)
    assert explainer.composite_name == "epsilon with gradients"


@pytest.mark.parametrize("name", [*CONSERVING, "tanh"])
def test_the_gradient_is_torchs(name: str, positions: Corpus) -> None:
    steps, act = {**CONSERVING, "tanh": ((active, block), nn.Tanh())}[name]
    network = Net(narrow, *steps, act=act, width=6).eval()

    found = attribute(
        network,
        positions,
        targets=["best"],
        composite="gradient-x-input",
        dtype="float64",
        conditional=True,
    )

    planes = planes_of(positions).requires_grad_()
    logits = network(planes)[torch.arange(len(planes)), found.squares[:, 0]]
    (slope,) = torch.autograd.grad(logits.sum(), planes)
    expected = (slope * planes).detach().numpy()
    assert_close(found.heatmap, expected)
    assert_close(found.conditional["conv1"].sum(2), found.heatmap)


def test_a_baseline_of_itself_leaves_nothing(positions: Corpus) -> None:
    steps, act = CONSERVING["squeeze and excitation, Mish"]

    def shifted(_: Net, maps: Tensor) -> Tensor:
        return maps * 2.0 + 0.3

    network = Net(narrow, steps[0], shifted, *steps[1:], act=act, width=6)
    options = {"layers": ["conv1"], "composite": "epsilon"}

    plain = explain(network, positions, **options)
    found = explain(network, positions, baseline=positions, **options)

    scale = np.abs(plain.relevance["conv1"]).max()
    assert np.abs(found.relevance["conv1"]).max() < 1e-9 * scale


def test_batch_norms_are_folded_in_float64(positions: Corpus) -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
    )
    network.append(nn.Linear(144, 65))
    randomize(network)

    found = attribute(network, positions, targets=["best"], dtype="float64")

    expected = attribute(network.double(), positions, targets=["best"], dtype="float64")
    np.testing.assert_array_equal(found.heatmap, expected.heatmap)


def test_positions_that_change_each_other_are_refused(positions: Corpus) -> None:
    network = Net(flat, lambda _, z: z / z.std(), act=nn.Identity()).eval()

    with pytest.raises(NetworkError, match="for a position among others"):
        attribute(network, positions, targets=["best"])
