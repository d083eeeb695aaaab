"""Maps by where relevance starts, and receptive fields, against other ways."""

import numpy as np
import pytest
import torch

from conceptlrp.errors import LayerError, NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.networks import ResidualTower
from conceptlrp.networks.planes import board_planes
from conceptlrp.reference import conditional_maps, receptive_field
from tests.lrp.conftest import random_corpus, randomize, small_network  # noqa: F401


@pytest.fixture(scope="module")
def positions():
    return random_corpus(2).sample(9, seed=1)


@pytest.fixture(scope="module")
def explainer(small_network):  # noqa: F811
    return Explainer(small_network, composite="epsilon-plus", dtype="float64")


def planes_of(explainer, positions):
    planes = board_planes(
        positions.own, positions.opponent, planes=explainer.encoding.planes
    )
    return torch.from_numpy(planes).double()


def zennit_map(explainer, positions, layer, channel):
    """Start at a module's output with zennit's own hooks."""
    seen = {}
    with explainer.composite.context(explainer.network) as hooked:
        module = hooked.get_submodule(layer)
        handle = module.register_forward_hook(
            lambda _module, _inputs, output: seen.update(output=output)
        )
        planes = planes_of(explainer, positions).requires_grad_()
        hooked(planes)
        start = torch.zeros_like(seen["output"])
        start[:, channel] = seen["output"].detach()[:, channel]
        (arrived,) = torch.autograd.grad(seen["output"], planes, start)
        handle.remove()
    return arrived.sum(1).numpy()


@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_the_activation_start_equals_zennits_own(explainer, positions, layer):
    found = conditional_maps(
        explainer, positions, layer, 2, start="activation", batch_size=4
    )

    expected = zennit_map(explainer, positions, layer, 2)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_relevance_start_depends_on_the_target_and_adds_up(explainer, positions):
    maps = [
        conditional_maps(explainer, positions, "conv3", c, target="value")
        for c in range(6)
    ]

    whole = explainer.attribute(positions, targets=["value"]).heatmap[:, 0]
    np.testing.assert_allclose(sum(maps), whole, rtol=1e-4, atol=1e-6)
    move = conditional_maps(explainer, positions, "conv3", 0)
    assert not np.allclose(move, maps[0])


def test_unknown_starts_and_channels_are_refused(explainer, positions):
    with pytest.raises(ValueError, match="unknown start 'logit', expected one of rel"):
        conditional_maps(explainer, positions, "conv1", 0, start="logit")
    with pytest.raises(LayerError, match=r"no channel 6 of layer 'conv1', expected"):
        conditional_maps(explainer, positions, "conv1", 6, start="activation")


def test_the_gradient_has_no_activation_start(small_network, positions):  # noqa: F811
    explainer = Explainer(small_network, composite="gradient-x-input")

    with pytest.raises(NetworkError, match="cannot start from an activation"):
        conditional_maps(explainer, positions, "conv1", 0, start="activation")


def squares_of_the_gradient(network, explainer, positions, layer, square):
    """Squares that a neuron's gradient reaches in some position and channel."""
    seen = {}
    module = network.get_submodule(layer)
    handle = module.register_forward_hook(
        lambda _module, _inputs, output: seen.update(output=output)
    )
    planes = planes_of(explainer, positions).requires_grad_()
    network(planes)
    handle.remove()
    output = seen["output"]
    output = output if output.dim() == 4 else output[..., None, None]
    start = torch.zeros_like(output)
    start[:, :, square[0], square[1]] = torch.rand(output.shape[:2]).double() + 0.5
    (gradient,) = torch.autograd.grad(output, planes, start)
    return (gradient.abs().sum((0, 1)) > 0).numpy()


@pytest.mark.parametrize(
    ("layer", "square"),
    [
        ("conv1", (0, 0)),
        ("conv1", (3, 5)),
        ("conv2", (0, 7)),
        ("conv3", (0, 0)),
        ("conv4", (2, 1)),
        ("fc1", (0, 0)),
    ],
)
def test_a_field_holds_the_squares_that_a_gradient_reaches(
    small_network,  # noqa: F811
    layer,
    square,
):
    layers = ["conv1", "conv2", "conv3", "conv4", "fc1"]
    explainer = Explainer(small_network, layers=layers, dtype="float64")

    found = receptive_field(explainer, layer, square)

    reached = squares_of_the_gradient(
        explainer.network, explainer, random_corpus(1), layer, square
    )
    np.testing.assert_array_equal(found, reached)


def test_a_field_goes_through_skip_connections():
    explainer = Explainer(
        randomize(ResidualTower(channels=4, blocks=2)), dtype="float64"
    )

    for layer in explainer.layers:
        found = receptive_field(explainer, layer, (0, 6))

        reached = squares_of_the_gradient(
            explainer.network, explainer, random_corpus(1), layer, (0, 6)
        )
        np.testing.assert_array_equal(found, reached)


def test_a_field_outside_the_map_is_refused(explainer):
    with pytest.raises(LayerError, match=r"square \(8, 0\) lies outside the \(8, 8\)"):
        receptive_field(explainer, "conv1", (8, 0))
    with pytest.raises(
        LayerError, match="unknown layer 'conv9', expected one of conv1"
    ):
        receptive_field(explainer, "conv9", (0, 0))
