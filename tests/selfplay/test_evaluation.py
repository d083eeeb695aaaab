import numpy as np
import pytest
import torch

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Games
from conceptlrp.selfplay import evaluate


@pytest.fixture
def constant_network() -> OthelloNet:
    """A network that says the same of every position: f5, d3, then a1, for White."""
    network = OthelloNet(channels=2).eval()
    torch.nn.init.zeros_(network.fc3.weight)
    torch.nn.init.zeros_(network.fc3.bias)
    torch.nn.init.zeros_(network.fc4.weight)
    network.fc3.bias.data[[37, 19, 0]] = torch.tensor([3.0, 2.0, 4.0])
    network.fc4.bias.data[0] = -0.5
    return network


@pytest.fixture
def two_starts() -> Corpus:
    """The start of the game, once with f5 and once with d3 played."""
    return Corpus.from_games(Games.from_moves([[37], [19]]))


def test_only_legal_moves_compete_for_top_1(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    found = evaluate(constant_network, two_starts)

    assert (found.positions, found.top1, found.top3) == (2, 0.5, 1.0)
    assert found.illegal == 1.0


def test_the_policy_loss_is_the_cross_entropy_over_all_actions(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    logits = constant_network.fc3.bias.detach().expand(2, 65)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([37, 19]))

    found = evaluate(constant_network, two_starts)

    assert found.policy_loss == pytest.approx(float(expected), abs=1e-5)


def test_without_a_finished_game_the_value_is_not_judged(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    found = evaluate(constant_network, two_starts)

    assert np.isnan(found.value_sign)
    assert np.isnan(found.value_loss)


def test_a_value_of_one_sign_is_right_where_that_player_wins(
    constant_network: OthelloNet, random_corpus: Corpus
) -> None:
    found = evaluate(constant_network, random_corpus)

    outcome = random_corpus.outcome
    assert found.value_sign == pytest.approx(np.mean(outcome[outcome != 0] < 0))
    errors = (outcome - np.tanh(-0.5)) ** 2
    assert found.value_loss == pytest.approx(float(errors.mean()), abs=1e-5)
