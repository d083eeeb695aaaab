import numpy as np
import pytest
import torch

from conceptlrp.networks import OthelloNet
from conceptlrp.selfplay import sample_games


def test_sampled_games_are_distinct_finished_and_of_every_first_move(
    tiny_network: OthelloNet,
) -> None:
    games = sample_games(tiny_network, 40, seed=0, name="tiny")

    assert len(games) == len(np.unique(games.moves, axis=0)) == 40
    assert games.finished.all()
    assert set(games.moves[:, 0].tolist()) == {19, 26, 37, 44}
    assert set(games.black.tolist()) == {"tiny"}


def test_equal_seeds_sample_equal_games(tiny_network: OthelloNet) -> None:
    one, same, other = (
        sample_games(tiny_network, 5, seed=seed).moves for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_games_of_6x6_are_sampled() -> None:
    torch.manual_seed(0)
    network = OthelloNet(channels=2, size=6).eval()

    games = sample_games(network, 6)

    assert games.size == 6
    assert games.finished.all()


def test_rounds_go_on_until_enough_distinct_games_came_up(
    tiny_network: OthelloNet,
) -> None:
    # 12 openings of 2 moves exist, and a round of 12 games hardly ever has all.
    games = sample_games(tiny_network, 12, temperature=0, opening_plies=2)

    assert len(np.unique(games.moves, axis=0)) == 12


def test_too_little_chance_for_so_many_games_is_refused(
    tiny_network: OthelloNet,
) -> None:
    with pytest.raises(ValueError, match="only 4 of 40 distinct games came up"):
        sample_games(tiny_network, 40, temperature=0, opening_plies=0)
