"""Networks and games that the tests of this folder share."""

import pytest
import torch

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import RandomPlayer
from conceptlrp.selfplay.arena import play_games


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny networks are faster so, and much faster on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny_network() -> OthelloNet:
    torch.manual_seed(2)
    return OthelloNet(channels=4, dropout=0.0).eval()


@pytest.fixture(scope="session")
def random_corpus() -> Corpus:
    games = play_games(RandomPlayer(), RandomPlayer(), count=40, seed=3)
    return Corpus.from_games(games)
