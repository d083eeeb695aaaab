import copy

import pytest
import torch
from torch import nn

from conceptlrp.networks import BoardNetwork, OthelloNet, ResidualTower
from conceptlrp.networks.inference import inference_network


@pytest.fixture(params=["othello-net", "tower"])
def used_network(request: pytest.FixtureRequest) -> BoardNetwork:
    """A network whose batch norms have seen something."""
    torch.manual_seed(0)
    network: BoardNetwork = OthelloNet(channels=4)
    if request.param == "tower":
        network = ResidualTower(channels=4, blocks=2)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(32, network.planes, 8, 8))
    return network


def test_outputs_stay_what_they_are(used_network: BoardNetwork) -> None:
    planes = torch.randn(16, used_network.planes, 8, 8)

    ready = inference_network(used_network)

    with torch.no_grad():
        expected, found = used_network.eval()(planes), ready(planes)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_no_batch_norm_is_left(used_network: BoardNetwork) -> None:
    ready = inference_network(used_network)

    kinds = {type(module) for module in ready.modules()}
    assert not kinds & {nn.BatchNorm1d, nn.BatchNorm2d}


def test_the_network_itself_is_not_changed(used_network: BoardNetwork) -> None:
    before = copy.deepcopy(used_network.state_dict())

    inference_network(used_network)

    assert used_network.training
    assert all(weight.requires_grad for weight in used_network.parameters())
    for name, tensor in used_network.state_dict().items():
        assert tensor.equal(before[name])
        assert tensor.stride() == before[name].stride()


def test_a_batch_norm_that_cannot_be_folded_stays() -> None:
    network = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(1)).eval()
    planes = torch.randn(4, 1, 8, 8)

    ready = inference_network(network)

    assert ready(planes).equal(network(planes))
