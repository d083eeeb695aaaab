"""Units chosen and moved about: maxima, slices, paddings, groups and joined heads."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from conceptlrp.lrp import Attribution, Explainer
from conceptlrp.lrp._zennit import LayerMapComposite, Norm
from conceptlrp.lrp.engine.moving import as_mover, numbers_like
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.othello import Corpus
from tests.lrp.conftest import a_third, random_corpus, randomize
from tests.lrp.test_engine import with_hooks
from tests.lrp.test_spelling import exact, planes_of

Step = Callable[[Any, Tensor], Tensor]


class Net(nn.Module):
    """Two convolutions and what is between and behind them, all without a bias."""

    def __init__(self, body: Step, head: Step, width: int, conv2: Any) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(6, 6, 3, **{"padding": 1, "bias": False, **conv2})
        self.conv3 = nn.Conv2d(6, 12, 3, padding=1, bias=False)
        self.conv4 = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.squeeze = nn.Linear(6, 3, bias=False)
        self.excite = nn.Linear(3, 12, bias=False)
        self.pooled = nn.Linear(18, 6, bias=False)
        self.spread = nn.Linear(6, 384, bias=False)
        self.square = nn.Conv2d(6, 1, 1, bias=False)
        self.passing = nn.Linear(6, 1, bias=False)
        self.fc = nn.Linear(width, 65, bias=False)
        self.body, self.head = body, head
        self.act, self.unflatten = nn.ReLU(), nn.Unflatten(1, (6, 8, 8))
        randomize(self)

    def forward(self, planes: Tensor) -> Tensor:
        maps = self.body(self, torch.relu(self.conv1(planes)))
        return self.head(self, torch.relu(maps))


def flat(net: Net, maps: Tensor) -> Tensor:
    return net.fc(maps.flatten(1))


def second(net: Net, maps: Tensor) -> Tensor:
    return net.conv2(maps)


def global_pooling(net: Net, maps: Tensor) -> Tensor:
    """Pool the way KataGo does: mean, scaled mean and maximum, added as a bias."""
    n, c = maps.shape[:2]
    mean = torch.sum(maps, dim=(2, 3), keepdim=True) / 64
    top = torch.max(maps.view(n, c, -1), dim=2)[0].view(n, c, 1, 1)
    pooled = torch.cat((mean, mean * (-6 / 10.0), top), dim=1)
    return net.conv2(maps) + net.pooled(pooled.squeeze(-1).squeeze(-1))[..., None, None]


def squeeze_excite(net: Net, maps: Tensor) -> Tensor:
    """Gate and shift the way Leela does."""
    vector = net.excite(torch.relu(net.squeeze(maps.mean((2, 3)))))
    weights, bias = vector.chunk(2, dim=1)
    n, c = weights.shape
    gate = torch.sigmoid(weights).view(n, c, 1, 1)
    return torch.relu(gate * net.conv2(maps) + bias.view(n, c, 1, 1) + maps)


def squeeze_excite_maps(net: Net, maps: Tensor) -> Tensor:
    vector = net.excite(torch.relu(net.squeeze(maps.mean((2, 3)))))
    weights, bias = vector.view(-1, 12, 1, 1).split(6, 1)
    gate = weights.sigmoid().expand_as(maps)
    return F.mish(gate * net.conv2(maps) + bias.expand(-1, -1, 8, 8) + maps)


def gated_half(net: Net, maps: Tensor) -> Tensor:
    one, other = torch.split(net.conv3(maps), [6, 6], dim=1)
    return one * torch.sigmoid(other)


def difference(net: Net, maps: Tensor) -> Tensor:
    one, other = torch.chunk(net.conv3(maps), 2, 1)
    return one - 0.5 * other


def shuffled(net: Net, maps: Tensor) -> Tensor:
    apart = net.conv2(maps).view(-1, 2, 3, 8, 8).transpose(1, 2)
    same = F.pixel_shuffle(F.pixel_unshuffle(maps, 2), 2)
    return same + apart.reshape(-1, 6, 8, 8)


def turned(net: Net, maps: Tensor) -> Tensor:
    flipped = net.conv2(maps.flip(3)).flip(-1)
    return flipped - maps.roll((1, 2), (2, 3)) + maps.permute(0, 1, 3, 2)


def joined(net: Net, maps: Tensor) -> Tensor:
    passing = net.passing(maps.mean((2, 3)))
    return torch.cat([net.square(maps).flatten(1), passing], 1)


def stacked(net: Net, maps: Tensor) -> Tensor:
    return torch.hstack((net.square(maps).view(-1, 64), net.passing(maps.amax((2, 3)))))


def all_joined(net: Net, maps: Tensor) -> Tensor:
    small = torch.relu(net.square(maps)).flatten(1)
    parts = [maps.flatten(1), small, maps.amax(dim=(2, 3))]
    return net.fc(torch.concat(parts, dim=-1))


def summed(net: Net, maps: Tensor) -> Tensor:
    return net.fc(maps.flatten(1) + net.spread(maps.mean((2, 3))))


def in_place(net: Net, maps: Tensor) -> Tensor:
    found = net.conv2(maps)
    same = found  # One tensor by two names.
    found += maps
    same *= 2.0
    return net.act(same) - found / 4.0


def cast(net: Net, maps: Tensor) -> Tensor:
    pooled = torch.sum(maps.half().float(), (2, 3), dtype=torch.float32)
    found = net.conv2(maps.float()).to(torch.float32).type_as(maps).double()
    return found.float() + net.spread(pooled.to(maps.dtype)).view(-1, 6, 8, 8)


#: Body, head, width of its vector, and options of the second convolution.
SHAPES: dict[str, tuple[Any, ...]] = {
    "MaxPool2d": (lambda n, z: F.max_pool2d(n.conv2(z), 2), flat, 96),
    "max pool, overlapping": (
        lambda n, z: F.max_pool2d(n.conv2(z), 3, 2, 1, ceil_mode=True),
        flat,
        150,
    ),
    "adaptive": (lambda n, z: F.adaptive_max_pool2d(n.conv2(z), 3), flat, 54),
    "amax": (second, lambda n, z: n.fc(z.amax((2, 3))), 6),
    "max of max": (second, lambda n, z: n.fc(z.max(3)[0].max(-1).values), 6),
    "max, seen flat": (second, lambda n, z: n.fc(z.flatten(2).max(dim=2)[0]), 6),
    "mean of mean": (second, lambda n, z: n.fc(z.mean(-1).mean(-1)), 6),
    "global pooling": (global_pooling, flat, 384),
    "channels": (lambda n, z: n.conv4(z[:, 1:4]), flat, 384),
    "channels kept": (
        lambda n, z: torch.cat([n.conv4(z[:, :3]), z[:, 3:]], 1),
        flat,
        576,
    ),
    "difference": (difference, flat, 384),
    "groups": (second, flat, 384, {"groups": 2}),
    "depthwise": (second, flat, 384, {"groups": 6}),
    "F.conv2d, groups": (
        lambda n, z: F.conv2d(z, n.conv2.weight, None, 1, 1, 1, 3),
        flat,
        384,
        {"groups": 3},
    ),
    "reflect": (second, flat, 384, {"padding_mode": "reflect"}),
    "replicate": (second, flat, 384, {"padding_mode": "replicate"}),
    "circular": (second, flat, 384, {"padding_mode": "circular", "padding": "same"}),
    "pad": (lambda n, z: F.pad(n.conv2(z), (1, 0, 0, 1)), flat, 486),
    "shuffled": (shuffled, flat, 384),
    "turned": (turned, flat, 384),
    "joined heads": (second, joined, 1),
    "stacked heads": (second, stacked, 1),
    "all joined": (second, all_joined, 384 + 64 + 6),
    "vectors": (
        second,
        lambda n, z: n.fc(torch.cat([z.amax((2, 3)), z.mean((2, 3))], -1)),
        12,
    ),
    "flat and vector": (second, summed, 384),
    "vector as a map": (
        lambda n, z: z + n.conv2(torch.relu(n.unflatten(n.spread(z.mean((2, 3)))))),
        flat,
        384,
    ),
    "in place": (in_place, flat, 384),
}
#: With gates, which are held constant, so that the gradient is no oracle.
GATED: dict[str, tuple[Any, ...]] = {
    "squeeze and excitation": (squeeze_excite, flat, 384),
    "of maps": (squeeze_excite_maps, flat, 384),
    "gated half": (gated_half, flat, 384),
}


def network_of(name: str) -> nn.Module:
    shape = {**SHAPES, **GATED}[name]
    return Net(*shape[:3], *(shape[3:] or [{}])).double().eval()


def native(network: nn.Module, composite: Any, **options: Any) -> Explainer:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as hooks would warn
        return Explainer(network, composite=composite, dtype="float64", **options)


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(2, seed=5).sample(4, seed=2)


def assert_near(found: Any, expected: Any, scale: float = 1.0) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def scale_of(found: Attribution) -> float:
    sizes = [np.abs(found.heatmap).max()]
    sizes += [np.abs(each).sum(2).max() for each in found.conditional.values()]
    return max(1.0, *map(float, sizes))


@pytest.mark.parametrize("name", a_third(SHAPES))
def test_relevance_is_gradient_times_input(name: str, positions: Corpus) -> None:
    network = network_of(name)

    found = native(network, exact()).attribute(positions, targets=["best"])

    planes = planes_of(positions).requires_grad_()
    logits = network(planes)[torch.arange(len(planes)), found.squares[:, 0]]
    (slope,) = torch.autograd.grad(logits.sum(), planes)
    assert_near(found.explained[:, 0], logits.detach().numpy())
    assert_near(found.input_relevance[:, 0], (slope * planes).detach().numpy())


@pytest.mark.parametrize(
    "composite", ["epsilon", "epsilon-gamma-flat", "epsilon-plus-flat"]
)
@pytest.mark.parametrize("name", a_third([*SHAPES, *GATED]))
def test_every_number_is_that_of_hooks_in_either_mode(
    name: str, composite: str, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = native(network_of(name), composite)
    costs = type(explainer.propagation.costs)  # type: ignore[union-attr]

    monkeypatch.setattr(costs, "forward", lambda *_: 1)
    monkeypatch.setattr(costs, "reverse", lambda *_: 2)
    forward = explainer.attribute(positions, targets=["best"], conditional=True)
    monkeypatch.setattr(costs, "reverse", lambda *_: 0)
    reverse = explainer.attribute(positions, targets=["best"], conditional=True)

    assert (forward.mode, reverse.mode) == ("forward", "reverse")
    hooks = with_hooks(explainer).attribute(
        positions, targets=["best"], conditional=True
    )
    scale = scale_of(hooks)
    assert_near(forward.heatmap, hooks.heatmap, scale)
    assert_near(forward.conditional["conv1"].sum(2), forward.heatmap, scale)
    for layer, maps in hooks.conditional.items():
        assert_near(forward.relevance[layer], hooks.relevance[layer], scale)
        assert_near(forward.conditional[layer], maps, scale)
        assert_near(reverse.conditional[layer], maps, scale)


@pytest.mark.parametrize("name", GATED)
def test_all_relevance_passes_gates(name: str, positions: Corpus) -> None:
    found = native(network_of(name), exact()).attribute(positions, targets=["best"])

    np.testing.assert_allclose(found.heatmap.sum((2, 3)), found.explained, rtol=1e-9)


def relevance_above(
    explainer: Explainer, planes: Tensor, below: Callable[[Tensor], Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return relevance of layers above what is made of their maps, and its sums."""
    with explainer.propagation.forward(planes) as plain:
        assert isinstance(plain, NativePassed)
        passed = plain.above({n: below(maps) for n, maps in plain.features.items()})
        starts = {"policy": torch.zeros_like(plain.outputs["policy"])[:, None]}
        starts["policy"][:, 0, 20] = plain.outputs["policy"][:, 20]
        return passed.relevance(starts)[1], passed.relevance(starts, summed=True)[1]


# A sum or mean of zeros has no relevance to give, though it has a slope.
@pytest.mark.parametrize("name", a_third(n for n in SHAPES if n != "mean of mean"))
def test_relevance_above_a_baseline_is_the_slope_times_the_difference(
    name: str,
) -> None:
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn(3, 1, 8, 8, generator=generator).double()

    def below(maps: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(maps.shape[1])
        return torch.rand(1, *maps.shape[1:], generator=generator).double()

    found, sums = relevance_above(native(network_of(name), exact()), planes, below)

    gradient = native(network_of(name), "gradient-x-input")
    expected, _ = relevance_above(gradient, planes, below)
    for layer, maps in expected.items():
        assert_near(found[layer], maps)
        assert_near(sums[layer], maps.sum((3, 4)))


@pytest.mark.parametrize("name", GATED)
def test_relevance_above_a_baseline_behind_gates(name: str, positions: Corpus) -> None:
    explainer, planes = native(network_of(name), exact()), planes_of(positions)

    none, _ = relevance_above(explainer, planes, lambda maps: maps)
    whole, _ = relevance_above(explainer, planes, torch.zeros_like)
    half, sums = relevance_above(explainer, planes, lambda maps: 0.5 * maps)

    for layer, maps in none.items():
        assert_near(maps, 0.0)
        assert_near(half[layer], 0.5 * whole[layer])
        assert_near(sums[layer], half[layer].sum((3, 4)))


@pytest.mark.parametrize("name", ["groups", "depthwise", "reflect", "pooled"])
@pytest.mark.parametrize("baseline", [None, "mean"])
def test_edges_add_up_to_what_the_layer_below_has(
    name: str, baseline: str | None, positions: Corpus
) -> None:
    network = network_of("groups" if name == "pooled" else name)
    if name == "pooled":
        network.body = lambda n, z: n.conv2(F.max_pool2d(z, 3, 1, 1))
    boards = positions if baseline else "zero"
    explainer = native(network, "epsilon-gamma", baseline=boards)

    graph = explainer.concept_graph(positions, targets=["best"], per_position=True)

    found = explainer.attribute(positions, targets=["best"])
    edges = graph.edges["conv2", "conv1"]
    assert_near(edges.sum(2), found.channel_relevance["conv1"])


@pytest.mark.parametrize("name", a_third([*SHAPES, *GATED]))
def test_a_second_pass_is_that_of_the_modules(name: str, positions: Corpus) -> None:
    explainer, planes = native(network_of(name), "epsilon"), planes_of(positions)
    rows = torch.tensor([2, 0, 0, 1])
    layer = explainer.layers[0]

    with explainer.propagation.forward(planes) as passed:
        changes = {layer: (None, 0.5 * passed.features[layer][rows].flip(0))}
        found = passed.run_with(changes, rows, layers=explainer.layers)
    with with_hooks(explainer).propagation.forward(planes) as passed:
        expected = passed.run_with(changes, rows, layers=explainer.layers)

    for each, value in expected.items():
        assert_near(found[each], value)


@pytest.mark.parametrize("name", ["MaxPool2d", "global pooling", "joined heads"])
def test_nothing_goes_down_from_units_that_were_changed(
    name: str, positions: Corpus
) -> None:
    explainer, planes = native(network_of(name), "epsilon"), planes_of(positions)
    rows = torch.arange(len(planes))

    with explainer.propagation.forward(planes) as first:
        assert isinstance(first, NativePassed)
        mask = torch.zeros(1, 6, 1, 1, dtype=torch.bool)
        mask[:, 2:] = True
        changes = {"conv1": (mask, first.features["conv1"])}
        passed = first.intervened(changes, rows)
        starts = {"policy": first.outputs["policy"][:, None]}
        planes_relevance, layers = passed.relevance(starts)
        maps, mode = passed.conditional(layers, {"conv1": torch.arange(2)[None]})

    assert mode == "reverse"
    assert_near(maps["conv1"].sum(2), planes_relevance.sum(2))


def test_a_maximum_goes_to_the_first_of_equals() -> None:
    class Highest(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1, bias=False)
            self.fc = nn.Linear(1, 65, bias=False)
            nn.init.ones_(self.conv.weight)
            nn.init.constant_(self.fc.weight, 3.0)

        def forward(self, planes: Tensor) -> Tensor:
            return self.fc(torch.relu(self.conv(planes)).amax((2, 3)))

    boards = np.zeros((2, 8, 8), np.int8)
    boards[0, 2, 5] = boards[0, 2, 6] = boards[0, 4, 1] = boards[1, 7, 7] = 1

    found = native(Highest().eval(), exact()).attribute(boards, targets=["best"])

    expected = np.zeros((2, 8, 8))
    expected[0, 2, 5] = expected[1, 7, 7] = 3.0
    np.testing.assert_array_equal(found.heatmap[:, 0], expected)


def test_a_rule_of_a_maximum_is_refused() -> None:
    composite = LayerMapComposite([(nn.MaxPool2d, Norm())])

    with pytest.warns(UserWarning, match="Norm of 'max_pool2d' "):
        Explainer(network_of("MaxPool2d"), composite=composite)


def test_a_cast_changes_nothing(positions: Corpus) -> None:
    def plain(net: Net, maps: Tensor) -> Tensor:
        pooled = net.spread(maps.sum((2, 3)))
        return net.conv2(maps) + pooled.view(-1, 6, 8, 8)

    found = native(Net(cast, flat, 384, {}).eval(), "epsilon")

    twin = native(Net(plain, flat, 384, {}).eval(), "epsilon")
    expected = twin.attribute(positions, conditional=True)
    again = found.attribute(positions, conditional=True)
    np.testing.assert_array_equal(again.heatmap, expected.heatmap)
    np.testing.assert_array_equal(
        again.conditional["conv2"], expected.conditional["conv2"]
    )


@pytest.mark.parametrize(
    ("kind", "move"),
    [
        ("turned", lambda z: z.flip(0)),
        ("one", lambda z: z[:1]),
        ("mixed", lambda z: z.view(-1, 4)),
        ("twice", lambda z: z[[0, 0]]),
        ("halved", lambda z: 0.5 * z),
    ],
)
def test_what_mixes_positions_or_changes_values_moves_nothing(
    kind: str, move: Any
) -> None:
    boards = torch.zeros(2, 2, 2, 2)

    found = as_mover(boards, move(numbers_like(boards)))

    assert found is None, kind
