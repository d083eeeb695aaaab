"""Donors of feature maps."""

import numpy as np

from conceptlrp.ablation.sample import same_ply_donors
from conceptlrp.othello import Corpus


def test_a_donor_is_another_position_of_the_same_ply(games: Corpus) -> None:
    donors = same_ply_donors(games, seed=3)

    discs = np.bitwise_count(games.own | games.opponent).astype(int)
    alone = np.bincount(discs)[discs] == 1
    assert (donors != np.arange(len(games))).all()
    assert (discs[donors] == discs)[~alone].all()
    assert (np.abs(discs[donors] - discs)[alone] <= 2).all()
