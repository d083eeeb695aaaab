import numpy as np
import pytest

from conceptlrp.evaluation import benjamini_hochberg, game_permutation, permutation_p
from conceptlrp.evaluation.ranks import (
    centered_ranks,
    effects,
    label_matrix,
    null_effects,
)


def p_values(values, columns, strata, games, permutations=100):
    ranks, matrix = centered_ranks(values, strata), label_matrix(columns, strata)
    orders = (game_permutation(games, strata, seed=b) for b in range(permutations))
    null = null_effects(ranks, matrix, orders)
    return permutation_p(effects(ranks, matrix), *null, permutations)


@pytest.fixture(scope="module")
def unrelated():
    """Channels and labels that follow the phase and the game, not each other."""
    random = np.random.default_rng(0)
    games, n = np.repeat(np.arange(100), 12), 1200
    strata = np.tile(np.repeat(np.arange(3), 4), 100)
    drift = random.normal(size=(100, 30))[games] + strata[:, None]
    values = drift + 0.5 * random.normal(size=(n, 30))
    taste = random.normal(size=(100, 20))[games] + strata[:, None]
    labels = list((taste + 0.5 * random.normal(size=(n, 20)) > 1).T)
    return values, labels, strata, games


def test_unrelated_labels_are_found_as_often_as_the_level_says(unrelated):
    found = p_values(*unrelated)

    assert 0.02 < (found < 0.05).mean() <= 0.065
    assert (benjamini_hochberg(found) <= 0.05).mean() <= 0.005


def test_a_null_of_single_positions_would_find_far_too_many(unrelated):
    values, labels, strata, games = unrelated

    found = p_values(values, labels, strata, np.arange(len(games)))

    assert (found < 0.05).mean() > 0.2


def test_a_planted_label_is_significant_by_far(unrelated):
    values, labels, strata, games = unrelated
    planted = values[:, :1] + 3 * labels[0][:, None]

    assert p_values(planted, labels[:1], strata, games)[0, 0] < 1e-6


def test_an_effect_that_never_varies_is_not_significant():
    assert permutation_p([0.0, np.nan], [0.0, 0.0], [0.0, 0.0], 50).tolist()[0] == 1


def test_what_cannot_be_tested_has_no_p_value():
    assert np.isnan(permutation_p([np.nan], [0.0], [0.1], 50)[0])


def test_corrected_p_values_are_those_of_the_definition():
    p = np.random.default_rng(1).random((4, 7)) ** 3
    flat = np.sort(p.ravel())

    found = benjamini_hochberg(p)

    for value, q in zip(p.ravel(), found.ravel(), strict=True):
        i = int(np.searchsorted(flat, value)) + 1
        expected = min(min(flat[j - 1] * p.size / j, 1) for j in range(i, p.size + 1))
        assert q == pytest.approx(expected)


def test_tests_that_were_not_made_do_not_count():
    p = np.array([0.01, np.nan, 0.04])

    found = benjamini_hochberg(p)

    np.testing.assert_allclose(found[[0, 2]], benjamini_hochberg(p[[0, 2]]))
    assert np.isnan(found[1])
