"""Means with intervals, and how alike maps are."""

import numpy as np
import pytest
from scipy.stats import spearmanr, ttest_rel

from conceptlrp.statistics.estimates import (
    bootstrap_means,
    cosine,
    estimate,
    estimates,
    exchanged_within,
    pair_correlations,
    pair_intervals,
    paired_difference,
    positions_needed,
    rank_correlation,
)
from conceptlrp.statistics.intervals import between

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
    unknown = {"mean": None, "low": None, "high": None, "n": 0, "games": 0}
    assert found[1].to_dict() == unknown


def test_a_difference_of_positions_of_their_own_games_is_students() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 12))

    found = paired_difference(one, other)

    expected = ttest_rel(one, other).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_an_interval_of_ten_games_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    games = np.repeat(np.arange(10), 5)
    held = []
    for _ in range(2000):
        values = random.normal(size=50) + random.normal(size=10)[games]
        found = paired_difference(values, 0, games)
        held.append(found.low <= 0 <= found.high)

    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("games", [1, 9])
def test_fewer_than_ten_games_have_a_mean_and_neither_interval_nor_verdict(
    games: int,
) -> None:
    game = np.arange(90) % games
    values = np.random.default_rng(3).normal(5, 0.1, 90)

    for found in (estimate(values, game), paired_difference(values, 0, game)):
        assert found.mean == pytest.approx(5, abs=0.1)
        assert np.isnan([found.low, found.high]).all()
        assert (found.games, found.few) == (games, True)
        assert not found.above(0)
        assert not found.below(9)
        assert positions_needed(found, 1.0) == 0
        words = between(found.low, found.high, games=found.games)
        assert words == "(fewer than 10 games)"


def test_values_that_never_differ_have_no_interval_and_are_as_large_as_they_are():
    constant = np.full(40, 0.3) + 1e-9 * VALUES[:, 0]

    for found in (estimate(constant), paired_difference(constant, 0)):
        assert np.isnan([found.low, found.high]).all()
        assert found.above(0.2)
        assert found.below(0.4)
        words = between(found.low, found.high, games=found.games)
        assert words == "(the same at every position)"


def test_ends_that_differ_are_written_with_as_many_digits_as_it_takes():
    assert between(0.1, 0.2, games=50) == "[0.10, 0.20]"
    assert between(0.0001, 0.0002, games=50) == "[0.0001, 0.0002]"


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


def test_pairs_of_few_games_or_without_any_change_have_no_interval():
    x, y = np.random.default_rng(4).normal(size=(2, 40, 2))
    x[:, 1] = 0
    many, few = np.arange(80).reshape(40, 2), np.arange(80).reshape(40, 2) % 9

    assert all(np.isnan(end).all() for end in pair_intervals(x, y, few))
    for end in pair_intervals(x, y, many):
        assert np.isnan(end).tolist() == [[False, False], [True, True]]


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


@pytest.mark.parametrize(("share", "games"), [(0.9, 20), (0.97, 60)])
def test_an_interval_of_a_share_near_its_bound_covers_it(share: float, games: int):
    random = np.random.default_rng(0)
    game, covered, told = np.repeat(np.arange(games), 10), 0, 0
    for _ in range(200):
        often = random.beta(3 * share, 3 * (1 - share), size=games)[:, None]
        found = estimate((random.random((games, 10)) < often).ravel() * 1.0, game)
        told += not np.isnan(found.low)
        covered += found.low <= share <= found.high <= 1

    assert told > 150
    assert covered / told >= 0.93
