import time

import numpy as np
import pytest
from scipy.stats import spearmanr

from conceptlrp.statistics import stratified_auroc, stratified_correlation


def slow_auroc(values: np.ndarray, flags: np.ndarray, strata: np.ndarray) -> float:
    """Count pairs one by one."""
    won = pairs = 0.0
    for i in np.flatnonzero(flags):
        for j in np.flatnonzero(~flags):
            if strata[i] == strata[j]:
                pairs += 1
                won += (values[i] > values[j]) + 0.5 * (values[i] == values[j])
    return won / pairs


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with many ties, flags and strata, all unrelated."""
    random = np.random.default_rng(0)
    values = random.integers(0, 6, (120, 5)).astype(np.float32) / 7
    return values, random.random((120, 3)) < 0.3, random.choice([7, -2, 30], 120)


def test_auroc_equals_pairs_counted_one_by_one(case):
    values, flags, strata = case

    found = stratified_auroc(values, flags, strata)

    expected = [
        [slow_auroc(values[:, c], flags[:, k], strata) for k in range(3)]
        for c in range(5)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_correlation_in_one_stratum_is_spearmans(case):
    values, _, _ = case
    numbers = np.random.default_rng(1).integers(0, 9, (120, 2))

    found = stratified_correlation(values, numbers, np.zeros(120, int))

    expected = [
        [spearmanr(values[:, c], numbers[:, k]).statistic for k in range(2)]
        for c in range(5)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_correlation_in_strata_is_that_of_ranks_by_stratum(case):
    values, _, strata = case
    numbers = np.random.default_rng(1).integers(0, 9, 120)

    found = stratified_correlation(values[:, :1], numbers[:, None], strata)

    x, y = np.zeros(120), np.zeros(120)
    for each in set(strata.tolist()):
        rows = np.flatnonzero(strata == each)
        for target, source in ((x, values[rows, 0]), (y, numbers[rows])):
            below = (source[:, None] > source).sum(axis=1)
            equal = (source[:, None] == source).sum(axis=1)
            rank = below + (equal + 1) / 2
            target[rows] = (rank - rank.mean()) / len(rows)
    expected = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    assert found[0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_label_of_the_phase_alone_is_named_by_plain_auroc_and_not_within_phases():
    random = np.random.default_rng(2)
    phase = np.repeat(np.arange(6), 500)
    # Both follow the phase, and have nothing else in common.
    flags = random.random(3000) < np.array([0.02, 0.05, 0.1, 0.5, 0.8, 0.95])[phase]
    values = phase + random.normal(size=3000)

    plain, stratified = (
        stratified_auroc(values[:, None], flags[:, None], strata)[0, 0]
        for strata in (np.zeros(3000, int), phase)
    )

    assert plain > 0.85
    assert abs(stratified - 0.5) < 0.05


def test_a_constant_channel_has_no_effect(case):
    _, flags, strata = case
    constant = np.full((120, 1), 3.5)

    assert (stratified_auroc(constant, flags, strata) == 0.5).all()
    numbers = np.arange(120)[:, None]
    assert (stratified_correlation(constant, numbers, strata) == 0).all()


def test_a_label_that_no_stratum_has_both_ways_cannot_be_scored(case):
    values, _, strata = case

    found = stratified_auroc(values, (strata == 7)[:, None], strata)

    assert np.isnan(found).all()


def test_values_that_are_not_finite_are_refused_with_their_place(case):
    values, flags, strata = case
    values[3, 1] = np.nan

    with pytest.raises(ValueError, match="row 3, channel 1 is nan"):
        stratified_auroc(values, flags, strata)


def test_values_of_another_number_of_rows_are_refused(case):
    values, flags, strata = case

    with pytest.raises(ValueError, match=r"shape \(119, 5\), expected \(120, C\)"):
        stratified_auroc(values[1:], flags, strata)


@pytest.mark.slow
def test_scores_of_many_channels_take_less_than_a_minute():
    random = np.random.default_rng(3)
    values = random.normal(size=(50_000, 200)).astype(np.float32)
    flags, strata = random.random((50_000, 30)) < 0.2, random.integers(0, 6, 50_000)
    start = time.process_time()

    stratified_auroc(values, flags, strata)

    assert time.process_time() - start < 60
