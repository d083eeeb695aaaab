"""Means with intervals, and how alike maps are."""

import numpy as np
import pytest
from scipy.stats import spearmanr, ttest_rel

from conceptlrp.statistics.estimates import (
    bootstrap_means,
    cosine,
    estimate,
    estimates,
    paired_difference,
    positions_needed,
    rank_correlation,
)

VALUES = np.random.default_rng(0).normal(size=(40, 3))
GAMES = np.arange(40) // 4


def test_replicates_are_those_of_a_loop_over_games_drawn() -> None:
    values = VALUES.copy()
    values[3, 1] = np.nan

    found = bootstrap_means(values, GAMES, replicates=20, seed=5)

    draws = np.random.default_rng(5).multinomial(10, np.full(10, 0.1), 20)
    for means, draw in zip(found, draws, strict=True):
        repeated = np.repeat(values, draw[GAMES], axis=0)
        np.testing.assert_allclose(means, np.nanmean(repeated, axis=0))


def test_an_interval_has_the_width_that_the_normal_law_gives() -> None:
    values = np.random.default_rng(1).normal(size=2000)

    found = estimate(values)

    assert found.high - found.low == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.1)
    assert found.low < values.mean() == found.mean < found.high


def test_positions_of_one_game_count_as_one() -> None:
    once = np.random.default_rng(2).normal(size=300)

    blocks = estimate(np.repeat(once, 4), np.repeat(np.arange(300), 4))
    loose = estimate(np.repeat(once, 4))
    alone = estimate(once)

    assert blocks.high - blocks.low == pytest.approx(alone.high - alone.low)
    assert loose.high - loose.low < 0.6 * (alone.high - alone.low)


def test_what_is_unknown_does_not_count() -> None:
    found = estimates([[1.0, np.nan], [3.0, np.nan]])

    assert (found[0].mean, found[0].n, found[1].n) == (2.0, 2, 0)
    assert found[1].to_dict() == {"mean": None, "low": None, "high": None, "n": 0}


def test_a_difference_of_positions_of_their_own_games_is_students() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 12))

    found = paired_difference(one, other)

    expected = ttest_rel(one, other).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_an_interval_of_few_games_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    games = np.repeat(np.arange(8), 5)
    held = []
    for _ in range(2000):
        values = random.normal(size=40) + random.normal(size=8)[games]
        found = paired_difference(values, 0, games)
        held.append(found.low <= 0 <= found.high)

    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_one_game_tells_nothing() -> None:
    found = paired_difference([1.0, 2.0], [0.0, 0.0], [3, 3])

    assert (found.mean, found.low, found.high) == (1.5, float("-inf"), float("inf"))
    assert positions_needed(found, 1.0) == 0


RNG = np.random.default_rng(0)


def test_rank_correlation_is_that_of_scipy_on_the_squares_that_count() -> None:
    one, other = RNG.integers(-3, 4, (2, 300, 20)).astype(float)
    within = RNG.random((300, 20)) < 0.6

    found = rank_correlation(one, other, within)

    expected = [
        spearmanr(a[w], b[w]).statistic
        for a, b, w in zip(one, other, within, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_squares_that_do_not_count_change_nothing() -> None:
    one, other = RNG.normal(size=(2, 5, 20))
    within = np.arange(20) < 12

    changed = np.where(within, one, 1000.0)

    mask = np.broadcast_to(within, one.shape)
    np.testing.assert_array_equal(
        rank_correlation(one, other, mask), rank_correlation(changed, other, mask)
    )


def test_a_constant_map_correlates_with_nothing() -> None:
    assert np.isnan(rank_correlation(np.ones((1, 5)), RNG.normal(size=(1, 5)))).all()
    assert np.isnan(cosine(np.zeros(5), np.ones(5)))


def test_cosine_is_that_of_the_angle() -> None:
    angles = np.linspace(0, np.pi, 7)

    found = cosine([1.0, 0.0], np.stack([np.cos(angles), np.sin(angles)], 1))

    np.testing.assert_allclose(found, np.cos(angles), atol=1e-12)
