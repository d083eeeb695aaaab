"""The rest of a network, run from a feature map that was changed."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.networks import OthelloNet, ResidualTower
from tests.lrp.conftest import randomize

BOARDS = torch.from_numpy(np.random.default_rng(0).integers(-1, 2, (3, 1, 8, 8)))
NETWORKS = {
    "othello": lambda: OthelloNet(channels=5),
    "tower": lambda: ResidualTower(4, 2, 8, value_units=5),
}


def by_hook(explainer: Explainer, layer: str, value: Tensor, planes: Tensor) -> Tensor:
    """Run the whole network, one module's output being replaced."""
    module = explainer.network.get_submodule(explainer.taps[layer])
    handle = module.register_forward_hook(lambda *_: value)
    try:
        policy: Tensor = explainer.network(planes)[0]
    finally:
        handle.remove()
    return policy


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_whole_network_with_the_map_replaced(
    name: str,
) -> None:
    network: nn.Module = randomize(NETWORKS[name]())
    explainer = Explainer(network, composite="epsilon", dtype="float64")
    planes, rows = BOARDS.double(), torch.tensor([2, 0, 0, 1])

    for layer in explainer.layers:
        with explainer.propagation.forward(planes) as passed:
            assert isinstance(passed, NativePassed)
            changed = torch.rand_like(passed.features[layer][rows])
            found = passed.run_from(layer, changed, rows)["policy"]

        expected = by_hook(explainer, layer, changed, planes[rows])
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_map_that_was_there_gives_the_outputs_that_were_there() -> None:
    explainer = Explainer(randomize(OthelloNet(channels=5)), composite="epsilon")
    rows = torch.arange(3)

    with explainer.propagation.forward(BOARDS.float()) as passed:
        assert isinstance(passed, NativePassed)
        found = passed.run_from("conv2", passed.features["conv2"], rows)

        for name, output in passed.outputs.items():
            torch.testing.assert_close(found[name], output)
