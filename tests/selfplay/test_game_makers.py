import numpy as np
import torch

from conceptlrp.networks import ResidualTower
from conceptlrp.selfplay import PolicyGames, SearchGames, SearchOptions, SelfPlayOptions


def new_network(seed: int = 0) -> ResidualTower:
    torch.manual_seed(seed)
    return ResidualTower(channels=2, blocks=1, size=6, value_units=4)


def test_games_from_the_policy_are_learned_as_they_were_played() -> None:
    made = PolicyGames()(new_network(), 3, seed=5)
    same = PolicyGames()(new_network(), 3, seed=5)

    assert made.digest == same.digest
    assert made.size == 6
    assert made.policy.ndim == 1
    assert set(np.unique(made.outcome)) <= {-1, 0, 1}


def test_games_with_search_teach_its_visits() -> None:
    options = SelfPlayOptions(search=SearchOptions(simulations=4), together=2)
    maker = SearchGames(options)

    made, same, other = (maker(new_network(), 3, seed=seed) for seed in (5, 5, 6))

    assert made.digest == same.digest != other.digest
    assert made.policy.shape == (len(made), 37)
    np.testing.assert_allclose(made.policy * 4 % 1, 0, atol=1e-6)
