"""Intervals by the influence of games are those of the bootstrap."""

import numpy as np
import pytest

from conceptlrp.statistics import stratified_auroc, stratified_correlation
from conceptlrp.statistics.linear_bootstrap import linear_replicates
from conceptlrp.statistics.resampling import interval


def exact_replicates(
    values: np.ndarray,
    columns: list[np.ndarray],
    strata: np.ndarray,
    games: np.ndarray,
    replicates: int = 300,
) -> np.ndarray:
    """Draw games with replacement and rank their rows again each time."""
    random = np.random.default_rng(0)
    rows_of = [np.flatnonzero(games == game) for game in np.unique(games)]
    found = np.empty((replicates, 2))
    for replicate in found:
        drawn = random.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[game] for game in drawn])
        x, s = values[rows, None], strata[rows]
        flags, numbers = (column[rows, None] for column in columns)
        replicate[0] = 2 * stratified_auroc(x, flags, s)[0, 0] - 1
        replicate[1] = stratified_correlation(x, numbers, s)[0, 0]
    return found


@pytest.mark.parametrize("strength", [0.5, 2.0, 6.0])
def test_intervals_are_near_those_of_the_bootstrap(strength: float) -> None:
    random = np.random.default_rng(1)
    games, strata = random.integers(0, 300, 4000), random.integers(0, 6, 4000)
    # What games have in common makes the intervals wide.
    shared = random.normal(size=300)[games]
    values = random.normal(size=4000) + shared
    noisy = strength * values + 2 * random.normal(size=4000)
    columns = [noisy + shared > 1, np.rint(noisy).astype(int)]

    exact = interval(exact_replicates(values, columns, strata, games))
    linear = interval(linear_replicates(values, columns, strata, games))

    widths = exact[1] - exact[0]
    for one, other in zip(exact, linear, strict=True):
        assert (np.abs(one - other) < 0.25 * widths).all()


def test_replicates_vary_about_the_effect() -> None:
    random = np.random.default_rng(2)
    values, flags = random.integers(0, 9, 400), random.random(400) < 0.3
    numbers = random.integers(0, 4, 400)
    games, strata = np.repeat(np.arange(40), 10), np.tile(np.arange(5), 80)

    found = linear_replicates(
        values, [flags, numbers], strata, games, replicates=20_000
    )

    auroc = stratified_auroc(values[:, None], flags[:, None], strata)[0, 0]
    correlation = stratified_correlation(values[:, None], numbers[:, None], strata)
    expected = [2 * auroc - 1, correlation[0, 0]]
    np.testing.assert_allclose(found.mean(axis=0), expected, atol=0.003)


def test_a_perfect_label_has_no_doubt() -> None:
    flags = np.tile([False, True], 50)
    games, strata = np.repeat(np.arange(10), 10), np.zeros(100, int)

    found = linear_replicates(flags.astype(float), [flags, 2 * flags], strata, games)

    np.testing.assert_allclose(found, 1, atol=1e-12)


def test_what_cannot_be_compared_stays_unknown() -> None:
    flags, games = np.zeros(20, bool), np.repeat(np.arange(4), 5)

    found = linear_replicates(np.arange(20), [flags], np.zeros(20, int), games)

    assert np.isnan(found).all()
