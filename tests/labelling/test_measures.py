"""Flags on the boards of most relevance: by brute force, and in the competition."""

import numpy as np

from conceptlrp.labelling import LabelCriteria
from conceptlrp.labelling.channel_name import RELEVANCE, STRONGEST
from conceptlrp.labelling.measures import strongest_boards, turning_round
from conceptlrp.labelling.scores import score_channels
from conceptlrp.labels import Labels
from conceptlrp.statistics.ranks import centered_ranks, effects, label_matrix

RNG = np.random.default_rng(3)


def test_the_strongest_boards_are_a_hundred_or_a_hundredth() -> None:
    for n, number in ((12_000, 120), (4_000, 100), (400, 20)):
        table = RNG.normal(size=(n, 2))

        found = strongest_boards(table)

        least = np.sort(table, axis=0)[-number]
        np.testing.assert_array_equal(found, table >= least)


def test_nothing_is_no_strong_board_and_few_boards_are_none() -> None:
    table = np.zeros((4000, 3))
    table[:60, 0] = table[:40, 1] = 1

    found = strongest_boards(table)

    assert found.sum(axis=0).tolist() == [60, 0, 0]
    assert found[:60, 0].all()


def test_a_turned_effect_is_the_difference_of_two_parts() -> None:
    flags, label = RNG.random(300) < 0.1, RNG.random(300) < 0.4
    label |= flags & (RNG.random(300) < 0.5)
    strata = RNG.integers(0, 4, 300)
    ranks = centered_ranks(flags[:, None].astype(float), strata)
    matrix = label_matrix([label, ~label, RNG.normal(size=300)], strata)

    found = effects(ranks, matrix) * turning_round(ranks, matrix)

    more = pairs = 0.0
    for s in range(4):
        a, b = label[(strata == s) & flags], label[(strata == s) & ~flags]
        more += len(a) * len(b) * (a.mean() - b.mean())
        pairs += len(a) * len(b)
    np.testing.assert_allclose(found[0, :2], [more / pairs, -more / pairs], rtol=1e-6)
    assert np.isnan(found[0, 2])


def test_a_channel_whose_strongest_boards_have_a_label_is_given_it() -> None:
    """Of the boards with the label a quarter are strong: over all the AUROC is low."""
    n = 3000
    plies, games = RNG.integers(0, 20, n), np.arange(n)
    top_right = RNG.random(n) < 0.15
    fires = top_right & (RNG.random(n) < 0.25)
    table = np.stack([RNG.normal(size=n) + 6 * fires, RNG.normal(size=n)], axis=1)
    shown = {"move in the top right": top_right, "as often": top_right}
    labels = Labels(shown, {}, {})
    random = [{RELEVANCE: RNG.normal(size=(n, 2))} for _ in range(3)]
    asked = LabelCriteria(permutations=30)

    found = score_channels(
        {RELEVANCE: table}, random, labels, games, plies, criteria=asked
    )

    assert abs(found.held_out[RELEVANCE][0, 0]) < 0.4
    (label,) = found.channels[0].labels
    assert (label.label, label.measure) == ("move in the top right", STRONGEST)
    assert found.channels[0].named == 1
    assert np.isnan(found.held_out[STRONGEST][0, 1]), "a label of no move"
    assert not found.channels[1].labels
    held = found.held_out[STRONGEST][0, 0]
    assert label.low < held < label.high
    strong = strongest_boards(table[:, :1])[:, 0] > 0
    part = top_right[strong].mean() - top_right[~strong].mean()
    assert abs(held - part) < 0.1
