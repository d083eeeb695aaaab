import numpy as np
import pytest

from conceptlrp.statistics.ranks import centered_ranks, codes, effects, label_matrix
from conceptlrp.statistics.resampling import exchanged_games
from conceptlrp.statistics.significance import (
    false_discovery_rates,
    null_moments,
    permutation_p,
)


def p_values(values, columns, strata, games, exchanges=40):
    ranks, matrix = centered_ranks(values, strata), label_matrix(columns, strata)
    orders = (exchanged_games(games, strata, seed=b) for b in range(exchanges))
    null = null_moments([ranks], matrix, codes(games), orders)[0]
    found = effects(ranks, matrix)
    return permutation_p(found, null.mean, null.deviation, null.freedom)


def unrelated(games, strata, seed=0, threshold=1.0):
    """Return channels and labels that follow phase and game, but not each other."""
    random = np.random.default_rng(seed)
    number, n = games.max() + 1, len(games)

    def drift(columns):
        noise = 0.5 * random.normal(size=(n, columns))
        return (
            random.normal(size=(number, columns))[games] + strata[:, None] / 2 + noise
        )

    values, tastes = drift(30), drift(20)
    return values, [*(tastes > threshold).T, tastes[:, 0]], strata, games


def whole_games():
    games = np.repeat(np.arange(100), 12)
    return games, np.tile(np.repeat(np.arange(3), 4), 100)


def games_of_all_lengths():
    random = np.random.default_rng(1)
    games = np.repeat(np.arange(150), random.integers(1, 20, 150))
    return games, random.integers(0, 6, len(games))


def a_sample_of_positions():
    random = np.random.default_rng(2)
    return random.integers(0, 500, 1500), random.integers(0, 6, 1500)


@pytest.mark.parametrize(
    "corpus", [whole_games, games_of_all_lengths, a_sample_of_positions]
)
@pytest.mark.parametrize("threshold", [1.0, 3.0])
def test_unrelated_labels_are_found_no_more_often_than_the_level_says(
    corpus, threshold
):
    found = np.stack(
        [p_values(*unrelated(*corpus(), seed, threshold)) for seed in range(8)]
    )

    assert (found < 0.05).mean() <= 0.05
    assert (found < 0.001).mean() <= 0.002
    corrected = [false_discovery_rates(p) <= 0.05 for p in found]
    assert np.mean(corrected) <= 0.001


def test_a_null_of_single_positions_would_find_far_too_many():
    values, labels, strata, games = unrelated(*whole_games())

    found = p_values(values, labels, strata, np.arange(len(games)))

    assert (found < 0.05).mean() > 0.2


def test_a_planted_label_is_significant_by_far():
    values, labels, strata, games = unrelated(*whole_games())
    planted = values[:, :1] + 3 * labels[0][:, None]

    assert p_values(planted, labels[:1], strata, games)[0, 0] < 1e-6


def test_an_effect_that_never_varies_is_not_significant():
    assert permutation_p([0.0, np.nan], [0.0, 0.0], [0.0, 0.0], 50).tolist()[0] == 1


def test_what_cannot_be_tested_has_no_p_value():
    assert np.isnan(permutation_p([np.nan], [0.0], [0.1], 50)[0])


def test_corrected_p_values_are_those_of_the_definition():
    p = np.random.default_rng(1).random((4, 7)) ** 3
    flat = np.sort(p.ravel())

    found = false_discovery_rates(p)

    for value, q in zip(p.ravel(), found.ravel(), strict=True):
        i = int(np.searchsorted(flat, value)) + 1
        expected = min(min(flat[j - 1] * p.size / j, 1) for j in range(i, p.size + 1))
        assert q == pytest.approx(expected)


def test_tests_that_were_not_made_do_not_count():
    p = np.array([0.01, np.nan, 0.04])

    found = false_discovery_rates(p)

    np.testing.assert_allclose(found[[0, 2]], false_discovery_rates(p[[0, 2]]))
    assert np.isnan(found[1])
