"""Whole games resampled, p-values, and false discoveries."""

import numpy as np
import pytest

from conceptlrp.statistics import stratified_auroc, stratified_correlation
from conceptlrp.statistics.ranks import centered_ranks, codes, effects, label_matrix
from conceptlrp.statistics.significance import (
    effect_intervals,
    exchanged_games,
    false_discovery_rates,
    held_out_games,
    null_moments,
    permutation_p,
    random_guard,
)


def test_games_are_held_out_whole():
    games = np.repeat([8, 3, 5, 1, 9], 4)

    held_out = held_out_games(games, share=0.4, seed=1)

    assert len(set(games[held_out])) == 2
    assert not set(games[held_out]) & set(games[~held_out])


def test_one_game_cannot_be_divided():
    with pytest.raises(ValueError, match=r"holding out 0.5 of 1 game leaves"):
        held_out_games([4, 4, 4])


def test_an_exchange_keeps_strata_and_changes_games():
    random = np.random.default_rng(0)
    games, strata = random.integers(0, 9, 200), random.integers(0, 4, 200)

    found = exchanged_games(games, strata, seed=5)

    np.testing.assert_array_equal(strata[found], strata)
    assert (games[found] != games).all()
    for block in {(g, s) for g, s in zip(games, strata, strict=True)}:
        rows = found[(games == block[0]) & (strata == block[1])]
        assert len(set(games[rows])) == 1
        assert (np.diff(rows) >= 0).all()


def test_games_of_equal_length_change_places_as_a_whole():
    games, strata = np.repeat(np.arange(6), 10), np.tile(np.repeat([0, 1], 5), 6)

    found = exchanged_games(games, strata, seed=2).reshape(6, 10)

    sources = found // 10
    assert (sources == sources[:, :1]).all()
    np.testing.assert_array_equal(found % 10, np.tile(np.arange(10), (6, 1)))
    assert sorted(sources[:, 0]) == list(range(6))


def test_a_longer_game_is_thinned_out_and_a_shorter_one_repeated():
    games = np.array([0, 0, 1, 1, 1, 1])

    found = exchanged_games(games, np.zeros(6, int))

    assert found.tolist() == [2, 4, 0, 0, 1, 1]


def test_an_interval_of_games_is_wider_than_one_of_positions():
    random = np.random.default_rng(6)
    games = np.repeat(np.arange(40), 20)
    # Positions of a game are nearly copies of each other.
    flags = np.repeat(random.random(40) < 0.5, 20)
    values = (
        np.repeat(random.normal(size=40), 20) + flags + 0.01 * random.normal(size=800)
    )

    widths = []
    for blocks in (games, np.arange(800)):
        low, high = effect_intervals(values, [flags], np.zeros(800, int), blocks)
        widths.append(high[0] - low[0])

    assert widths[0] > 3 * widths[1]


@pytest.mark.parametrize(
    ("effect", "distance", "prevalence", "rows"),
    [(0.5205, 1, 0.4, 200), (0.92, 2.4758, 0.05, 400), (0.96, 2.9045, 0.1, 400)],
)
def test_an_interval_covers_the_truth_about_as_often_as_it_says(
    effect, distance, prevalence, rows
):
    """Two normal distributions so far apart: the effect is 2 Phi(d / sqrt 2) - 1."""
    random = np.random.default_rng(7)
    games = np.repeat(np.arange(rows // 5), 5)
    covered = 0
    for _ in range(200):
        flags = random.permutation(rows) < prevalence * rows
        values = random.normal(size=rows) + distance * flags
        low, high = effect_intervals(values, [flags], np.zeros(rows, int), games)
        covered += low[0] <= effect <= high[0]

    assert 0.92 <= covered / 200 <= 0.99


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

    drawn = exact_replicates(values, columns, strata, games)
    exact = np.quantile(drawn, [0.025, 0.975], axis=0)
    linear = effect_intervals(values, columns, strata, games)

    widths = exact[1] - exact[0]
    for one, other in zip(exact, linear, strict=True):
        assert (np.abs(one - other) < 0.25 * widths).all()


def test_the_effect_lies_in_its_interval() -> None:
    random = np.random.default_rng(2)
    values, flags = random.integers(0, 9, 400), random.random(400) < 0.3
    numbers = random.integers(0, 4, 400)
    games, strata = np.repeat(np.arange(40), 10), np.tile(np.arange(5), 80)

    low, high = effect_intervals(values, [flags, numbers], strata, games)

    auroc = stratified_auroc(values[:, None], flags[:, None], strata)[0, 0]
    correlation = stratified_correlation(values[:, None], numbers[:, None], strata)
    found = np.array([2 * auroc - 1, correlation[0, 0]])
    middle = np.tanh((np.arctanh(low) + np.arctanh(high)) / 2)
    np.testing.assert_allclose(middle, found)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_detector_without_an_error_is_surer_with_more_games(sign: int) -> None:
    bounds = []
    for number in (10, 20, 200):
        flags = np.arange(20 * number) % 20 == 0
        games, strata = np.arange(20 * number) // 20, np.zeros(20 * number, int)
        columns = [flags, 2 * flags]
        low, high = effect_intervals(sign * flags.astype(float), columns, strata, games)
        assert (low[1], high[1]) == pytest.approx((sign, sign))
        bounds.append(low[0] if sign > 0 else -high[0])
        assert (high[0] if sign > 0 else -low[0]) == 1

    # With 20 games of one position each, 1 - AUROC may be 0.1.
    assert 0.5 < bounds[0] < bounds[1] < 0.85 < 0.97 < bounds[2] < 1


def test_a_detector_is_no_surer_for_more_positions_of_the_same_games() -> None:
    flags = np.arange(800) % 4 == 0
    alone, crowded = (
        effect_intervals(flags.astype(float), [flags], np.zeros(800, int), games)[0][0]
        for games in (np.arange(800) // 4, np.arange(800) // 40)
    )

    assert crowded < 0.9 < 0.97 < alone


def test_what_cannot_be_compared_stays_unknown() -> None:
    flags, games = np.zeros(20, bool), np.repeat(np.arange(4), 5)

    found = effect_intervals(np.arange(20), [flags], np.zeros(20, int), games)

    assert np.isnan(found).all()


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


@pytest.mark.parametrize("margin", [np.inf, 0.1])
def test_a_guard_does_not_grow_with_the_number_of_networks(margin: float):
    random = np.random.default_rng(0)
    draws = [[random.beta(2, 8, (64, 30)) for _ in range(40)] for _ in range(20)]

    few, some, many = (
        np.mean([random_guard(each[:n], margin).mean() for each in draws])
        for n in (3, 10, 40)
    )

    largest = [np.mean([np.max(e[:n], (0, 1)).mean() for e in draws]) for n in (3, 40)]
    assert many == pytest.approx(some, abs=0.02)
    assert many < few + 0.02
    assert largest[1] > largest[0] + 0.05


def test_a_guard_leaves_out_one_channel_in_a_hundred():
    sizes = [np.full((100, 3), 0.2), np.full((100, 3), 0.3)]
    sizes[0][7] = 0.9

    assert random_guard(sizes).tolist() == [0.3] * 3
    assert random_guard([sizes[0][:0]]).tolist() == [0] * 3


def test_few_channels_exceed_any_guard_by_more_than_the_margin():
    sizes = [np.random.default_rng(n).exponential(0.1, (64, 80)) for n in range(10)]

    exceeding = (np.concatenate(sizes) > random_guard(sizes, 0.1) + 0.1).any(axis=1)

    assert 0 < exceeding.mean() <= 0.01
