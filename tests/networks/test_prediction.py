import copy

import numpy as np
import pytest
import torch
from torch import nn

from conceptlrp.networks import BoardNetwork, OthelloNet, ResidualTower, predict
from conceptlrp.networks.planes import board_planes, legal_actions
from conceptlrp.networks.prediction import inference_network
from conceptlrp.othello import PASS, parse_transcript
from conceptlrp.othello.replay import replay


@pytest.fixture
def boards() -> tuple[np.ndarray, np.ndarray]:
    found = replay([parse_transcript("f5d6c3d3c4f4f6")])
    return found.own, found.opponent


def test_outputs_are_those_of_the_network(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    said = predict(tiny_network, *boards)

    with torch.no_grad():
        logits, value = tiny_network(torch.from_numpy(board_planes(*boards)))
    np.testing.assert_allclose(said.logits, logits, atol=1e-6)
    np.testing.assert_allclose(said.value, value[:, 0].tanh(), atol=1e-6)


def test_a_network_in_double_precision_says_the_same(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    precise = predict(copy.deepcopy(tiny_network).double(), *boards)

    said = predict(tiny_network, *boards)

    np.testing.assert_allclose(precise.logits, said.logits, atol=1e-5)


def test_probabilities_are_a_distribution_over_legal_actions(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    said = predict(tiny_network, *boards)

    legal = legal_actions(*boards)
    np.testing.assert_array_equal(said.probabilities > 0, legal)
    np.testing.assert_allclose(said.probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(said.probabilities.argmax(1), said.best)


def test_the_best_action_is_legal_though_an_illegal_one_scores_higher(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    tiny_network.fc3.bias.data[0] = 100.0

    said = predict(tiny_network, *boards)

    assert (said.logits.argmax(1) == 0).all()
    assert legal_actions(*boards)[np.arange(len(said.best)), said.best].all()


def test_a_player_without_a_move_passes(tiny_network: OthelloNet) -> None:
    said = predict(tiny_network, [1], [1 << 40])

    assert said.best.tolist() == [PASS]
    assert said.probabilities[0, 64] == 1


def test_batches_change_nothing_beyond_rounding(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    whole, parts = (predict(tiny_network, *boards, batch_size=n) for n in (256, 3))

    np.testing.assert_allclose(whole.logits, parts.logits, atol=1e-5)


def test_a_network_in_training_is_asked_in_evaluation_mode(
    tiny_network: OthelloNet, boards: tuple[np.ndarray, np.ndarray]
) -> None:
    expected = predict(tiny_network, *boards).logits
    tiny_network.train()

    said = predict(tiny_network, *boards)

    np.testing.assert_array_equal(said.logits, expected)
    assert tiny_network.training


def test_no_position_gives_empty_outputs(tiny_network: OthelloNet) -> None:
    empty = np.array([], dtype=np.uint64)

    said = predict(tiny_network, empty, empty)

    assert said.logits.shape == (0, 65)
    assert said.best.shape == said.value.shape == (0,)


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
