import pytest
import torch

from conceptlrp.networks import OthelloNet
from tests.networks.azg_twin import OthelloNNet, used_twin


@pytest.mark.parametrize("size", [6, 8])
def test_outputs_are_those_of_alpha_zero_general(size: int) -> None:
    twin = used_twin(size)
    network = OthelloNet(twin.channels, size).eval()
    network.load_state_dict(twin.state_dict())
    boards = torch.randint(-1, 2, (32, size, size)).float()

    logits, value = network(boards[:, None])

    log_policy, outcome = twin(boards)
    torch.testing.assert_close(logits.log_softmax(1), log_policy, atol=1e-6, rtol=0)
    torch.testing.assert_close(value.tanh(), outcome, atol=1e-6, rtol=0)


def test_parameters_have_the_names_of_alpha_zero_general() -> None:
    names = set(OthelloNet(channels=2).state_dict())

    assert names == set(OthelloNNet(8, 2).state_dict())


def test_a_network_of_512_channels_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        networks = OthelloNet(), OthelloNet(size=6)

    counts = [sum(p.numel() for p in net.parameters()) for net in networks]

    assert counts == [16_040_002, 9_734_182]


def test_modules_stand_in_the_order_in_which_they_run() -> None:
    network = OthelloNet(channels=2).eval()
    order: list[str] = []
    for name, module in network.named_children():
        module.register_forward_hook(lambda *_, name=name: order.append(name))

    network(torch.zeros(1, 1, 8, 8))

    assert order == [name for name, _ in network.named_children()]
    assert order[:6] == ["conv1", "bn1", "relu1", "conv2", "bn2", "relu2"]


def test_every_relu_is_a_module_of_its_own() -> None:
    network = OthelloNet(channels=2)

    relus = [m for m in network.modules() if isinstance(m, torch.nn.ReLU)]

    assert len(set(map(id, relus))) == 6
    assert not any(relu.inplace for relu in relus)


@pytest.mark.parametrize(
    ("channels", "size", "message"),
    [(4, 10, "size is 10, expected 6 or 8"), (0, 8, "channels is 0, expected")],
)
def test_an_impossible_shape_is_refused(channels: int, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OthelloNet(channels, size)
