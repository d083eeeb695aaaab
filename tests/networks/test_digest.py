"""A digest tells networks apart by weights and by what they are used for."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from conceptlrp.networks import (
    adapt,
    load_network,
    network_digest,
)
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.networks.demo import TOWER
from conceptlrp.shipped import demo_path
from tests.networks.test_adapting import Module


class Scaled(nn.Module):
    def __init__(self, activation: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.activation = activation
        self.head = nn.Linear(128, 65)
        self.drop = nn.Dropout(0.3)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        z = self.drop(self.activation(self.conv(x)))
        logits: Tensor = self.head(torch.flatten(z, 1)) * self.scale
        return logits


def test_twins_with_equal_weights_are_told_apart() -> None:
    networks = [
        Scaled(nn.ReLU()),
        Scaled(nn.GELU()),
        Scaled(nn.GELU(approximate="tanh")),
        Scaled(nn.LeakyReLU(0.1)),
        Scaled(nn.LeakyReLU(0.2)),
        Scaled(nn.ReLU(), 0.5),
    ]

    assert len({network_digest(network) for network in networks}) == len(networks)
    assert len({network_digest(adapt(n.eval())) for n in networks}) == len(networks)


def test_what_changes_no_output_changes_no_digest() -> None:
    network, other = Scaled(nn.ReLU()), Scaled(nn.ReLU(inplace=True))
    other.drop = nn.Dropout(0.1)

    digest = network_digest(network)

    assert network_digest(other) == digest
    assert network_digest(network.eval()) == digest
    assert network_digest(copy.deepcopy(network)) == digest
    assert network_digest(adapt(network)) == digest


@pytest.mark.parametrize("file", ["demo", TOWER])
def test_a_shipped_network_has_the_digest_of_its_file_until_it_is_changed(
    file: str,
) -> None:
    place = demo_path(TOWER) if file == TOWER else file
    network = load_network(place)
    digest = network_digest(network)
    name = next(n for n, m in network.named_modules() if isinstance(m, nn.ReLU))

    network.set_submodule(name, nn.GELU())

    if file == TOWER:
        assert digest == read_header(place)["digest"]
    assert network_digest(network) != digest


def test_a_network_that_cannot_be_traced_has_a_digest() -> None:
    class Branches(Scaled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.sum() > 0 else -x)

    relu, gelu = Branches(nn.ReLU()), Branches(nn.GELU())

    assert network_digest(relu) == network_digest(copy.deepcopy(relu))
    assert network_digest(relu) != network_digest(gelu)


def test_functional_twins_are_told_apart() -> None:
    class Functional(Scaled):
        def forward(self, x: Tensor) -> Tensor:
            use: Any = self.use
            logits: Tensor = self.head(torch.flatten(use(self.conv(x)), 1))
            return logits

    networks = [Functional(nn.ReLU()) for _ in range(2)]
    for network, use in zip(networks, (functional.relu, functional.gelu), strict=True):
        network.use = use  # type: ignore[assignment]

    assert network_digest(networks[0]) != network_digest(networks[1])


ENCODED: dict[str, list[Any]] = {
    "own-opponent": ["own-opponent", lambda b: np.stack([b > 0, b < 0], 1)],
    "opponent-own": [
        "opponent-own",
        lambda b: np.stack([b < 0, b > 0], 1),
        lambda b: np.stack([-0.0 - (b < 0), -1.0 * (b > 0)], 1) * -1,
    ],
    "own-legal": ["own-legal"],
    "late": [
        lambda b: np.stack([b > 0, (b < 0) * (b != 0).all((1, 2))[:, None, None]], 1)
    ],
}


def test_networks_that_read_other_planes_are_told_apart() -> None:
    module = Module().eval()
    found = [
        {network_digest(adapt(module, encode=encode)) for encode in same}
        for same in ENCODED.values()
    ]

    assert [len(same) for same in found] == [1] * len(found)
    assert len(set.union(*found)) == len(found)
    assert found[0] == {network_digest(module)}
    copied = copy.deepcopy(adapt(module, encode="opponent-own"))
    assert {network_digest(copied)} == found[1]
