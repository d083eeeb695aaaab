"""Feature maps, what replaces them, and networks run on from them."""

import numpy as np

from conceptlrp.ablation.sample import (
    feature_maps,
    run_from,
    same_ply_donors,
)
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask
from conceptlrp.othello import Corpus


def test_feature_maps_as_they_were_change_nothing(
    explainer: Explainer, sample: Sample
) -> None:
    features = feature_maps(explainer, sample.corpus)["conv2"]
    twice = np.repeat(features.maps[:, None], 2, axis=1)

    found = run_from(explainer, sample.boards, "conv2", twice)

    expected = ask(explainer, sample.boards)
    np.testing.assert_allclose(found.logits, np.repeat(expected.logits, 2, 0))
    np.testing.assert_allclose(found.value, np.repeat(expected.value, 2, 0))


def test_a_donor_is_another_position_of_the_same_ply(games: Corpus) -> None:
    donors = same_ply_donors(games, seed=3)

    discs = np.bitwise_count(games.own | games.opponent).astype(int)
    alone = np.bincount(discs)[discs] == 1
    assert (donors != np.arange(len(games))).all()
    assert (discs[donors] == discs)[~alone].all()
    assert (np.abs(discs[donors] - discs)[alone] <= 2).all()
