"""Networks run again with changed feature maps, against hooks on their modules."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.native import Change, Replaced
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.networks import OthelloNet, ResidualTower
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import with_hooks

BOARDS = torch.from_numpy(np.random.default_rng(0).integers(-1, 2, (3, 1, 8, 8)))
PLANES = BOARDS.double()
ROWS = torch.tensor([2, 0, 0, 1])
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "othello": lambda: OthelloNet(channels=5),
    "tower": lambda: ResidualTower(4, 2, 8, value_units=5),
}
EVERY = {
    "othello": ("conv1", "conv2", "conv3", "conv4", "fc1", "fc2"),
    "tower": None,
}


def explainer_of(name: str, composite: str = "epsilon") -> Explainer:
    network = randomize(NETWORKS[name]())
    layers = EVERY[name]
    return Explainer(network, composite=composite, layers=layers, dtype="float64")


@contextmanager
def hooked(explainer: Explainer, changes: Mapping[str, Change]) -> Iterator[nn.Module]:
    """Let torch's own hooks make changes in the modules of a network."""

    def hook(change: Change) -> Callable[..., Tensor]:
        def replace(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            maps = output if output.dim() == 4 else output[..., None, None]
            if callable(change):
                return change(maps).reshape(output.shape)
            mask, values = change
            mask = torch.ones(()).bool() if mask is None else mask
            return torch.where(mask, values, maps).reshape(output.shape)

        return replace

    network = explainer.network
    handles = [
        network.get_submodule(explainer.taps[layer]).register_forward_hook(hook(each))
        for layer, each in changes.items()
    ]
    try:
        yield network
    finally:
        for handle in handles:
            handle.remove()


def shape_of(explainer: Explainer, layer: str) -> tuple[int, ...]:
    return (len(ROWS), *explainer.shapes[layer].values())


def random_change(explainer: Explainer, layer: str, kind: str, seed: int) -> Change:
    generator = torch.Generator().manual_seed(seed)
    shape = shape_of(explainer, layer)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == "scaled":
        return lambda maps: maps * values
    masks = {
        "map": None,
        "channels": torch.rand((shape[0], shape[1], 1, 1), generator=generator) < 0.5,
        "units": torch.rand((1, *shape[1:]), generator=generator) < 0.3,
    }
    return masks[kind], values


def positive_change(explainer: Explainer, layer: str, kind: str) -> Replaced:
    change = random_change(explainer, layer, kind, seed=3)
    assert isinstance(change, tuple)
    return change[0], change[1].abs()


def run_with(explainer: Explainer, changes: Mapping[str, Change]) -> dict[str, Tensor]:
    with explainer.propagation.forward(PLANES) as passed:
        return passed.run_with(changes, ROWS, layers=explainer.layers)


def assert_is_what_hooks_give(
    explainer: Explainer, changes: Mapping[str, Change]
) -> None:
    found = run_with(explainer, changes)
    with hooked(explainer, changes) as network, torch.no_grad():
        policy, value = network(PLANES[ROWS])
    same = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(found["policy"], policy, **same)
    torch.testing.assert_close(found["value"], value.reshape(-1, 1), **same)


@pytest.mark.parametrize("kind", ["map", "channels", "units", "scaled"])
@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_whole_network_with_changed_modules(
    name: str, engine: Callable[[Explainer], Explainer], kind: str
) -> None:
    explainer = engine(explainer_of(name))

    for layer in explainer.layers:
        change = random_change(explainer, layer, kind, seed=1)
        assert_is_what_hooks_give(explainer, {layer: change})


@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
@pytest.mark.parametrize("name", NETWORKS)
def test_several_layers_are_changed_in_order_of_execution(
    name: str, engine: Callable[[Explainer], Explainer]
) -> None:
    explainer = engine(explainer_of(name))
    kinds = ("scaled", "units", "channels")
    chosen = list(enumerate(explainer.layers))[1:4]

    changes = {
        layer: random_change(explainer, layer, kind, seed)
        for kind, (seed, layer) in zip(kinds, reversed(chosen), strict=True)
    }

    assert_is_what_hooks_give(explainer, changes)
    whole = {n: random_change(explainer, n, "map", s) for s, n in chosen}
    assert_is_what_hooks_give(explainer, whole)


@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
def test_feature_maps_of_the_second_pass_are_returned(
    engine: Callable[[Explainer], Explainer],
) -> None:
    explainer = engine(explainer_of("tower"))
    first, *_, last = explainer.layers
    change = random_change(explainer, first, "units", seed=0)
    assert isinstance(change, tuple)
    mask, values = change
    assert mask is not None

    found = run_with(explainer, {first: change})

    with explainer.propagation.forward(PLANES) as passed:
        before = {n: f[ROWS] for n, f in passed.features.items()}
    torch.testing.assert_close(found[first], torch.where(mask, values, before[first]))
    assert not torch.equal(found[last], before[last])


@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
def test_relevance_after_a_second_pass_is_that_of_the_first(
    engine: Callable[[Explainer], Explainer],
) -> None:
    explainer = engine(explainer_of("othello", "epsilon-gamma"))
    change = random_change(explainer, "conv1", "map", seed=0)

    with explainer.propagation.forward(PLANES) as passed:
        starts = {"policy": passed.outputs["policy"].detach()[:, None]}
        before, _ = passed.relevance(starts)
        passed.run_with({"conv1": change}, ROWS)
        after, _ = passed.relevance(starts)

    assert torch.equal(before, after)


@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
def test_the_map_that_was_there_gives_the_outputs_that_were_there(
    engine: Callable[[Explainer], Explainer],
) -> None:
    explainer = engine(explainer_of("othello"))
    rows = torch.arange(3)

    with explainer.propagation.forward(PLANES) as passed:
        found = passed.run_with({"conv2": (None, passed.features["conv2"])}, rows)

        for name, output in passed.outputs.items():
            torch.testing.assert_close(found[name], output, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_stops_at_changed_units_as_gradients_do(name: str) -> None:
    explainer = explainer_of(name, "gradient-x-input")
    changes = {
        layer: positive_change(explainer, layer, kind)
        for layer, kind in zip(
            explainer.layers[1:3], ("units", "channels"), strict=True
        )
    }

    with explainer.propagation.forward(PLANES) as first:
        assert isinstance(first, NativePassed)
        passed = first.intervened(changes, ROWS)
        outputs = passed.outputs
        planes, layers = passed.relevance({"policy": outputs["policy"][:, None]})

    leaf = PLANES[ROWS].requires_grad_()
    with hooked(explainer, changes) as network:
        policy, _ = network(leaf)
    # Gradient times input of a sum of logits, each begun with itself.
    (slope,) = torch.autograd.grad(policy.sum(), leaf)
    torch.testing.assert_close(planes[:, 0], leaf.detach() * slope)
    torch.testing.assert_close(outputs["policy"], policy.detach())
    changed = explainer.layers[1]
    assert bool((layers[changed] != 0).any())


def test_channels_of_a_changed_pass_add_up_to_its_heatmap() -> None:
    explainer = explainer_of("othello", "epsilon-gamma")
    change = positive_change(explainer, "conv2", "units")
    every = {n: torch.arange(5).expand(len(ROWS), -1) for n in ("conv2", "conv3")}

    with explainer.propagation.forward(PLANES) as first:
        assert isinstance(first, NativePassed)
        passed = first.intervened({"conv2": change}, ROWS)
        planes, layers = passed.relevance({"policy": passed.outputs["policy"][:, None]})
        found, _ = passed.conditional(layers, every)
        edges = passed.edges(layers, accumulate=False)

    for maps in found.values():
        torch.testing.assert_close(maps.sum(2), planes.sum(2))
    above, below = edges["conv2", "conv1"].sum(2), layers["conv1"].sum((3, 4))
    torch.testing.assert_close(above, below)
    mask, _ = change
    assert mask is not None
    kept = layers["conv2"].masked_fill(mask[:, None], 0)
    with torch.no_grad():
        sent, _ = passed.relevance({"conv2": kept})
    torch.testing.assert_close(sent, planes)


def test_relevance_through_what_an_activation_never_is_is_refused() -> None:
    explainer = explainer_of("othello", "epsilon-gamma")
    values = torch.full((1, 1, 1, 1), -1.0, dtype=torch.float64)

    with explainer.propagation.forward(PLANES) as first:
        assert isinstance(first, NativePassed)
        with pytest.raises(ValueError, match="'conv2' is set below 0"):
            first.intervened({"conv2": (None, values)}, ROWS)


@pytest.mark.parametrize("composite", ["epsilon-gamma", "epsilon+epsilon-gamma"])
def test_units_that_are_set_to_their_baseline_have_no_relevance_above_it(
    composite: str,
) -> None:
    explainer = explainer_of("othello", composite)
    mask, values = positive_change(explainer, "conv2", "units")
    assert mask is not None
    zeros = {n: torch.zeros(shape_of(explainer, n)[1:])[None] for n in explainer.layers}
    every = {"conv2": torch.arange(5).expand(len(ROWS), -1)}

    with explainer.propagation.forward(PLANES) as first:
        assert isinstance(first, NativePassed)
        changed = first.intervened({"conv2": (mask, values[:1])}, ROWS)
        passed = changed.above({**zeros, "conv2": values[:1]})
        _, found = passed.relevance({"policy": passed.outputs["policy"][:, None]})
        maps, _ = passed.conditional(found, every)
        heatmaps = passed.layer_heatmaps(found)

    cut = mask[:, None].expand_as(found["conv2"])
    assert float(found["conv2"][cut].abs().max()) < 1e-15
    assert float(found["conv2"][~cut].abs().max()) > 1e-3
    torch.testing.assert_close(maps["conv2"].sum(2), heatmaps["conv2"])
