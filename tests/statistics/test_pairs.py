"""Correlations over pairs, and how often their intervals hold the truth."""

import numpy as np
import pytest

from conceptlrp.statistics.estimates import (
    exchanged_within,
    pair_correlations,
    pair_intervals,
)


def test_correlations_are_those_of_numpy():
    random = np.random.default_rng(0)
    changes, differences = random.normal(size=(50, 3)), random.normal(size=(50, 2))

    found = pair_correlations(changes, differences)

    expected = np.corrcoef(changes.T, differences.T)[:3, 3:]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_does_not_change_is_not_correlated_and_what_does_not_differ_unknown():
    found = pair_correlations(
        [[0.1, 1.0], [0.1, 2.0], [0.1, 4.0]], [[1, 0], [2, 0], [4, 0]]
    )

    assert found[:, 0].tolist() == pytest.approx([0, 1])
    assert np.isnan(found[:, 1]).all()


def test_no_pairs_tell_nothing():
    nothing, games = np.empty((0, 2)), np.empty((0, 2), int)

    assert np.isnan(pair_correlations(nothing, nothing)).all()
    assert all(np.isnan(end).all() for end in pair_intervals(nothing, nothing, games))


def test_errors_are_sums_over_all_pairs_of_pairs_that_share_a_game():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 60, 1))
    y += x
    games = np.array([random.choice(15, 2, replace=False) for _ in range(60)])
    # No two pairs of the same two games, which would count twice.
    games = games[np.unique(np.sort(games), axis=0, return_index=True)[1]]
    x, y = x[: len(games)], y[: len(games)]

    low, high = pair_intervals(x, y, games)

    from scipy.stats import t

    a, b = (((each - each.mean()) / each.std())[:, 0] for each in (x, y))
    r = (a * b).mean()
    psi = (a * b - r / 2 * (a**2 + b**2)) / len(a)
    shared = [[bool({*p} & {*q}) for q in games] for p in games]
    variance = max(psi @ np.array(shared) @ psi, (psi**2).sum())
    reach = t.ppf(0.975, len(np.unique(games)) - 1) * variance**0.5 / (1 - r**2)
    ends = np.tanh([np.arctanh(r) - reach, np.arctanh(r) + reach])
    np.testing.assert_allclose([low[0, 0], high[0, 0]], ends, rtol=1e-9)


def test_a_perfect_correlation_has_no_width():
    x = np.random.default_rng(2).normal(size=(40, 1)).astype(np.float32)

    low, high = pair_intervals(x, 3 * x, np.arange(80).reshape(40, 2))

    assert 0.999 < low[0, 0] <= high[0, 0] <= 1


@pytest.mark.parametrize(
    ("games", "positions", "recipients", "flag"),
    [
        (300, 6, 300, False),
        (300, 6, 300, True),
        (40, 20, 200, False),
        (40, 20, 200, True),
    ],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    games, positions, recipients, flag
):
    """Games with few positions each, and few games that serve each other often."""
    draws = [
        correlated(seed, games, positions, recipients, flag) for seed in range(300)
    ]
    ends = [pair_intervals(*each) for each in draws]
    truth = np.mean([pair_correlations(x, y) for x, y, _ in draws])
    held = np.mean([low[0, 0] <= truth <= high[0, 0] for low, high in ends])

    assert 0.89 <= held <= 0.99


def correlated(seed, games, positions, recipients, flag):
    """Return changes and differences of pairs whose games resemble themselves."""
    random = np.random.default_rng(seed)
    game = np.repeat(np.arange(games), positions)
    own, others = (
        0.55 * random.normal(size=games)[game] + 0.84 * random.normal(size=len(game))
        for _ in range(2)
    )
    label = (own > 0.84).astype(float) if flag else own
    channel = 0.5 * (label / label.std()) + 0.85 * others
    lots = random.permutation(len(game))
    mine, theirs = np.repeat(lots[:recipients], 2), random.choice(lots, 2 * recipients)
    apart = game[mine] != game[theirs]
    mine, theirs = mine[apart], theirs[apart]
    x, y = (each[theirs] - each[mine] for each in (channel, label))
    return x[:, None], y[:, None], np.stack([game[mine], game[theirs]], axis=1)


def test_rows_are_exchanged_within_their_strata():
    strata = np.random.default_rng(3).integers(0, 5, 100)

    rows = exchanged_within(strata, seed=1)

    assert sorted(rows) == list(range(100))
    assert (strata[rows] == strata).all()
    assert (rows != np.arange(100)).mean() > 0.8
    assert (rows != exchanged_within(strata, seed=2)).any()
