import operator

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from conceptlrp.networks import ResidualTower, predict
from conceptlrp.networks.planes import board_planes
from conceptlrp.othello.board import start
from tests.networks.boards import random_boards


@pytest.mark.parametrize(
    ("size", "planes", "blocks"), [(6, 1, 1), (8, 1, 3), (8, 2, 2)]
)
def test_outputs_are_those_of_the_formula(size: int, planes: int, blocks: int) -> None:
    network = used_tower(ResidualTower(3, blocks, size, planes=planes, value_units=5))
    boards = torch.randint(-1, 2, (16, planes, size, size)).float()

    logits, value = network(boards)

    expected = by_functions(network.state_dict(), boards, blocks)
    torch.testing.assert_close((logits, value), expected)
    assert logits.shape == (16, size * size + 1)
    assert value.shape == (16, 1)


def by_functions(
    state: dict[str, Tensor], boards: Tensor, blocks: int
) -> tuple[Tensor, Tensor]:
    """Compute a tower without its modules."""

    def normalized(x: Tensor, conv: str, bn: str) -> Tensor:
        weight = state[f"{conv}.weight"]
        y = functional.conv2d(x, weight, padding=weight.shape[-1] // 2)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(y, *(state[f"{bn}.{name}"] for name in names))

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    x = normalized(boards, "stem.conv", "stem.bn").relu()
    for i in range(blocks):
        y = normalized(x, f"tower.{i}.conv1", f"tower.{i}.bn1").relu()
        x = (x + normalized(y, f"tower.{i}.conv2", f"tower.{i}.bn2")).relu()
    policy, value = (
        normalized(x, f"{head}.conv", f"{head}.bn").relu().flatten(1)
        for head in ("policy_head", "value_head")
    )
    hidden = linear(value, "value_head.fc1").relu()
    return linear(policy, "policy_head.fc"), linear(hidden, "value_head.fc2")


def used_tower(network: ResidualTower) -> ResidualTower:
    """Let the batch norms of a network see data; then evaluate with it."""
    torch.manual_seed(3)
    shape = (16, network.planes, network.size, network.size)
    network(torch.randint(-1, 2, shape).float())
    return network.eval()


def test_the_parameters_of_a_tower_are_those_that_its_layers_need() -> None:
    with torch.device("meta"):
        network = ResidualTower(channels=256, blocks=19)

    block = 2 * (9 * 256 * 256 + 2 * 256)
    stem = 9 * 256 + 2 * 256
    policy = 2 * 256 + 2 * 2 + 128 * 65 + 65
    value = 256 + 2 + 64 * 256 + 256 + 256 + 1
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == stem + 19 * block + policy + value


def test_every_block_is_joined_by_one_plain_sum_that_a_trace_shows() -> None:
    traced = fx.symbolic_trace(ResidualTower(channels=2, blocks=3))

    sums = [node for node in traced.graph.nodes if node.target is operator.add]
    calls = [str(node.target) for node in traced.graph.nodes if node.op != "get_attr"]
    modules = [name for name in calls if "." in name]

    assert len(sums) == 3
    assert len(modules) == len(set(modules)) == 3 + 3 * 6 + 5 + 7
    assert modules[:5] == [
        "stem.conv",
        "stem.bn",
        "stem.relu",
        "tower.0.conv1",
        "tower.0.bn1",
    ]


def test_every_relu_is_a_module_of_its_own() -> None:
    network = ResidualTower(channels=2, blocks=4)

    relus = [m for m in network.modules() if isinstance(m, nn.ReLU)]

    assert len(set(map(id, relus))) == 1 + 2 * 4 + 1 + 2
    assert not any(relu.inplace for relu in relus)


def test_a_tower_is_asked_about_positions_with_the_planes_that_it_reads() -> None:
    network = used_tower(ResidualTower(3, 1, planes=2))
    boards = random_boards(20)

    said = predict(network, *boards)

    planes = torch.from_numpy(board_planes(*boards, planes=2))
    torch.testing.assert_close(
        torch.from_numpy(said.logits), network(planes)[0].detach()
    )


def test_two_planes_are_own_and_opponent() -> None:
    own, opponent = (np.uint64(discs) for discs in start(6))

    one, two = (board_planes([own], [opponent], size=6, planes=n) for n in (1, 2))

    assert two.shape == (1, 2, 6, 6)
    assert two.dtype == np.float32
    np.testing.assert_array_equal(two[:, :1] - two[:, 1:], one)
    assert two.min() == 0


def test_three_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="planes is 3, expected 1 or 2"):
        board_planes([1], [2], planes=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 10}, "size is 10, expected 6 or 8"),
        ({"planes": 3}, "planes is 3, expected 1 or 2"),
        ({"channels": 0}, "channels is 0, expected at least 1"),
        ({"blocks": 0}, "blocks is 0, expected at least 1"),
        ({"value_units": 0}, "value_units is 0, expected at least 1"),
    ],
)
def test_an_impossible_shape_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResidualTower(**options)  # type: ignore[arg-type]
