"""Cosine and rank correlation of maps."""

import numpy as np
from scipy.stats import spearmanr

from conceptlrp.statistics.similarity import cosine, rank_correlation

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
