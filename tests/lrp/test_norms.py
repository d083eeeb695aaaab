"""Norms over features: exact where nothing absorbs, refused by name elsewhere."""

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
from conceptlrp.lrp import Explainer, Intervention, attribute
from conceptlrp.lrp.engine import elementwise
from conceptlrp.lrp.engine.elementwise import Centre
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize
from tests.lrp.test_engine import assert_close, with_hooks
from tests.lrp.test_spelling import assert_equal, explain, planes_of


def detached(maps: Tensor, groups: int, *, root: bool = False) -> Tensor:
    """Normalise by groups, the deviation no function of the maps."""
    grouped = maps.flatten(1).unflatten(1, (groups, -1))
    if not root:
        grouped = grouped - grouped.mean(2, keepdim=True)
    square = grouped.square().mean(2, keepdim=True) + 1e-5
    return (grouped / square.sqrt().detach()).view_as(maps)


def plain(maps: Tensor) -> Tensor:
    return maps


MAP, VECTOR = (6, 8, 8), (384,)
Norms = tuple[Callable[[], Any], Callable[[Tensor], Tensor]]
#: A norm without biases, and the same with the deviation detached.
NORMS: dict[str, Norms] = {
    "LayerNorm": (
        lambda: nn.LayerNorm(MAP, elementwise_affine=False),
        lambda z: detached(z, 1),
    ),
    "F.layer_norm": (lambda: lambda z: F.layer_norm(z, MAP), lambda z: detached(z, 1)),
    "GroupNorm": (lambda: nn.GroupNorm(3, 6, affine=False), lambda z: detached(z, 3)),
    "F.group_norm": (
        lambda: lambda z: F.group_norm(z, num_groups=2),
        lambda z: detached(z, 2),
    ),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(6), lambda z: detached(z, 6)),
    "F.instance_norm": (lambda: F.instance_norm, lambda z: detached(z, 6)),
    "RMSNorm": (
        lambda: nn.RMSNorm(MAP, 1e-5, elementwise_affine=False),
        lambda z: detached(z, 1, root=True),
    ),
    "F.rms_norm": (
        lambda: lambda z: F.rms_norm(z, MAP, eps=1e-5),
        lambda z: detached(z, 1, root=True),
    ),
}
HEADS: dict[str, Norms] = {
    "LayerNorm": (
        lambda: nn.LayerNorm(VECTOR, elementwise_affine=False),
        lambda z: detached(z, 1),
    ),
    "GroupNorm": (lambda: nn.GroupNorm(3, 384, affine=False), lambda z: detached(z, 3)),
    "none": (lambda: plain, plain),
}


class Normed(nn.Module):
    """Two convolutions and a block, a norm after each and one of the vector."""

    def __init__(self, norm: Any, head: Any = plain, *, bias: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1, bias=bias)
        self.fc = nn.Linear(384, 65, bias=bias)
        self.norm, self.head = norm, head
        randomize(self.double())

    def forward(self, planes: Tensor) -> Tensor:
        stem = torch.relu(self.norm(self.conv1(planes)))
        block = torch.relu(stem + self.norm(self.conv2(stem)))
        return self.fc(self.head(block.flatten(1)))


def exact() -> LayerMapComposite:
    """Return epsilon with hardly any, which relevance could be lost to."""
    rules = [(each, Norm(1e-30)) for each in (Sum, Centre, AvgPool)]
    return LayerMapComposite([(Activation, Pass()), *rules, (Linear, Epsilon(1e-30))])


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(2, seed=5).sample(4, seed=2)


def slopes(
    network: Normed, positions: Corpus, squares: np.ndarray[Any, Any]
) -> tuple[Tensor, ...]:
    """Return the planes and the first map, and the derivatives by them."""
    planes, kept = planes_of(positions).requires_grad_(), []
    handle = network.conv2.register_forward_pre_hook(lambda _, a: kept.append(a[0]))
    chosen = torch.from_numpy(squares.astype(np.int64))
    logits = network(planes)[torch.arange(len(planes)), chosen]
    handle.remove()
    found = torch.autograd.grad(logits.sum(), [planes, kept[0]])
    return planes.detach(), kept[0].detach(), *found


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NORMS)
def test_norms_are_gradient_times_input_with_the_deviation_held(
    name: str, head: str, positions: Corpus
) -> None:
    (norm, own), (end, its) = NORMS[name], HEADS[head]
    network = Normed(norm(), end()).eval()

    found = explain(network, positions, composite=exact())

    planes, _, by_planes, _ = slopes(
        Normed(own, its).eval(), positions, found.squares[:, 0]
    )
    expected = (planes * by_planes).numpy()
    np.testing.assert_allclose(found.heatmap, expected, rtol=0, atol=1e-12)
    total = found.heatmap.sum((2, 3))
    np.testing.assert_allclose(total, found.explained, rtol=0, atol=1e-12)
    maps = found.conditional["conv1"].sum(2)
    np.testing.assert_allclose(maps, found.heatmap, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NORMS)
def test_norms_have_the_true_gradient_without_rules(
    name: str, positions: Corpus
) -> None:
    network = Normed(NORMS[name][0](), HEADS["LayerNorm"][0]()).eval()

    found = explain(network, positions, composite="gradient-x-input")

    planes, maps, by_planes, by_maps = slopes(network, positions, found.squares[:, 0])
    assert_close(found.heatmap, (planes * by_planes).numpy())
    assert_close(found.relevance["conv1"][:, 0], (maps * by_maps).numpy())
    assert_close(found.conditional["conv1"].sum(2), found.heatmap)


@pytest.mark.parametrize("name", ["LayerNorm", "GroupNorm", "RMSNorm"])
def test_relevance_above_a_baseline_is_the_slope_times_the_difference(
    name: str, positions: Corpus
) -> None:
    norm, own = NORMS[name]
    network = Normed(norm(), bias=True).eval()
    explainer = Explainer(network, composite=exact(), dtype="float64")
    donors = positions[np.arange(4)[::-1]]

    found = explainer.attribute(positions, targets=["best"], baseline=donors)

    twin = Normed(own, bias=True).eval()
    _, maps, _, by_maps = slopes(twin, positions, found.squares[:, 0])
    expected = ((maps - maps.flip(0)) * by_maps).numpy()
    assert_close(found.relevance["conv1"][:, 0], expected)


AFFINE: dict[str, Callable[[], nn.Module]] = {
    "LayerNorm": lambda: nn.LayerNorm(MAP),
    "GroupNorm": lambda: nn.GroupNorm(2, 6),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(6, affine=True),
    "kept statistics": lambda: nn.InstanceNorm2d(
        6, affine=True, track_running_stats=True
    ),
    "RMSNorm": lambda: nn.RMSNorm(MAP),
}


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-gamma-flat"])
@pytest.mark.parametrize("name", AFFINE)
def test_norms_with_biases_are_as_hooks_have_them_in_either_mode(
    name: str, composite: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Normed(AFFINE[name](), bias=True).eval()
    explainer = Explainer(network, composite=composite, dtype="float64")
    costs = type(explainer.propagation.costs)  # type: ignore[union-attr]
    monkeypatch.setattr(costs, "forward", lambda *_: 0)

    found = explainer.attribute(positions, targets=["best"], conditional=True)
    hooked = with_hooks(explainer).attribute(
        positions, targets=["best"], conditional={"conv2": [0, 3]}
    )
    monkeypatch.setattr(explainer.propagation, "reverse_only", True)
    reverse = explainer.attribute(positions, targets=["best"], conditional=True)

    assert (found.mode, reverse.mode) == ("forward", "reverse")
    assert_close(found.heatmap, hooked.heatmap)
    assert_close(found.relevance["conv1"], hooked.relevance["conv1"])
    assert_close(found.conditional["conv2"][:, :, [0, 3]], hooked.conditional["conv2"])
    for layer, maps in found.conditional.items():
        assert_close(maps, reverse.conditional[layer])


@pytest.mark.parametrize("name", AFFINE)
def test_what_does_not_arrive_is_what_biases_absorb(
    name: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elementwise, "_EPSILON", 1e-30)
    network = Normed(AFFINE[name](), bias=True).eval()
    explainer = Explainer(network, composite=exact(), dtype="float64")

    report = explainer.conservation(positions, targets=["best"])

    found = explainer.attribute(positions, targets=["best"])
    arrived = found.heatmap.sum((2, 3)) + report.bias.sum(0)
    scale = np.abs(report.bias).sum(0)
    np.testing.assert_allclose((arrived - found.explained) / scale, 0, atol=1e-12)


def test_a_norm_of_a_changed_map_is_that_of_the_network(positions: Corpus) -> None:
    network = Normed(nn.GroupNorm(2, 6), bias=True).eval()
    explainer = Explainer(network, dtype="float64")

    found = explainer.intervene(positions, [Intervention("conv1", 3)])

    network.conv2.register_forward_pre_hook(lambda _, a: (silenced(a[0]),))
    stem = torch.relu(network.norm(network.conv1(planes_of(positions))))
    block = silenced(stem) + network.norm(network.conv2(stem))
    logits = network.fc(torch.relu(block).flatten(1))
    assert_close(found.logits[0], logits.detach().numpy())


def silenced(maps: Tensor) -> Tensor:
    return maps * (torch.arange(6) != 3).view(-1, 1, 1)


def test_a_norm_behind_a_convolution_belongs_to_its_layer(positions: Corpus) -> None:
    network = Normed(nn.GroupNorm(2, 6), bias=True).eval()

    found = attribute(network, positions, targets=["best"], dtype="float64")

    stem = torch.relu(network.norm(network.conv1(planes_of(positions))))
    peaks = stem.amax((2, 3)).detach().numpy()
    assert_close(found.activation["conv1"].max((2, 3)), peaks)


REFUSED: dict[str, Callable[[], Any]] = {
    "LayerNorm": lambda: nn.LayerNorm(8),
    "layer_norm": lambda: lambda z: F.layer_norm(z, (8, 8)),
    "RMSNorm": lambda: nn.RMSNorm(8),
}


class Then(nn.Module):
    def __init__(self, *steps: Any) -> None:
        super().__init__()
        self.first, self.then = steps

    def forward(self, maps: Tensor) -> Tensor:
        return self.then(self.first(maps))


@pytest.mark.parametrize("name", REFUSED)
def test_norms_of_single_rows_or_maps_are_refused_by_name(
    name: str, positions: Corpus
) -> None:
    network = Normed(plain)
    network.conv2 = Then(network.conv2, REFUSED[name]())  # type: ignore[assignment]

    with pytest.raises(NetworkError, match=f"no rule for {name}"):
        attribute(network.double().eval(), positions, targets=["best"])


def test_equal_spellings_of_a_norm_explain_alike(positions: Corpus) -> None:
    module = randomize(nn.GroupNorm(2, 6).double())

    class Spelled(nn.GroupNorm):
        def forward(self, maps: Tensor) -> Tensor:
            return F.group_norm(maps, 2, self.weight, bias=self.bias, eps=self.eps)

    spelled = Spelled(2, 6).double()
    spelled.load_state_dict(module.state_dict())

    found = explain(Normed(spelled), positions, composite="epsilon")

    assert_equal(found, explain(Normed(module), positions, composite="epsilon"))
