"""Networks whose explanations are known, and positions to explain."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize

N = 12


class AddingNetwork(nn.Module):
    """Every disc adds a weight of its own to each output, and nothing interacts.

    Relevance of a disc is exactly what it adds. One channel holds the own discs, the
    other one the opponent's.
    """

    size = 8

    def __init__(self, *, seed: int = 0, bias: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 1, bias=False)
        self.relu1 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.policy = nn.Linear(128, 65)
        self.value = nn.Linear(128, 1)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.conv1.weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
            for head in (self.policy, self.value):
                head.weight.copy_(torch.randn(head.weight.shape, generator=generator))
                head.bias.fill_(bias)
        self.eval()

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        features = self.flatten(self.relu1(self.conv1(planes)))
        return self.policy(features), self.value(features)


def added(network: AddingNetwork, sample: Sample, target: str) -> np.ndarray:
    """Return what each disc adds to an output, (N, 64)."""
    head = network.value if target == "value" else network.policy
    weight = head.weight.detach().numpy().reshape(-1, 2, 64)
    rows = sample.actions(target) if target != "value" else np.zeros(len(sample), int)
    own, opponent = (sample.discs > 0), (sample.discs < 0)
    return own * weight[rows, 0] + opponent * weight[rows, 1]


@pytest.fixture(scope="session")
def games() -> Corpus:
    """Positions of random games."""
    return random_corpus(40)


@pytest.fixture(scope="session")
def adding() -> AddingNetwork:
    return AddingNetwork()


@pytest.fixture(scope="session")
def adding_explainer(adding: AddingNetwork) -> Explainer:
    return Explainer(adding, composite="epsilon", dtype="float64")


@pytest.fixture(scope="session")
def adding_sample(adding_explainer: Explainer, games: Corpus) -> Sample:
    return draw_sample(adding_explainer, games, n_positions=N)


@pytest.fixture(scope="session")
def network() -> OthelloNet:
    """A network with random weights."""
    return randomize(OthelloNet(channels=4))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def explainer(network: OthelloNet) -> Explainer:
    return Explainer(network, composite="epsilon", dtype="float64")


@pytest.fixture(scope="session")
def sample(explainer: Explainer, games: Corpus) -> Sample:
    return draw_sample(explainer, games, n_positions=N)
