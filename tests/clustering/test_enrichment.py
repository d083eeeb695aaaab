from math import comb

import numpy as np
import pytest
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio

from conceptlrp.clustering.enrichment import adjusted_p_values, label_enrichment


def one_cluster(inside, label, plies=None, games=None, test="fisher"):
    n = len(inside)
    return label_enrichment(
        np.where(inside, 0, -1),
        {"label": label},
        plies=np.zeros(n, int) if plies is None else plies,
        games=np.arange(n) if games is None else games,
        n_clusters=1,
        test=test,
    )


@pytest.mark.parametrize("seed", range(4))
def test_one_phase_is_fishers_exact_test(seed):
    random = np.random.default_rng(seed)
    inside = random.random(150) < 0.3
    label = random.random(150) < np.where(inside, 0.4, 0.2)

    found = one_cluster(inside, label)

    table = [
        [(inside & label).sum(), (inside & ~label).sum()],
        [(~inside & label).sum(), (~inside & ~label).sum()],
    ]
    assert found.p[0, 0] == pytest.approx(fisher_exact(table)[1], rel=1e-9)
    sample = odds_ratio(table, kind="sample").statistic
    assert found.odds_ratio[0, 0] == pytest.approx(sample)
    assert found.inside[0, 0] == label[inside].mean()
    assert found.rest[0, 0] == label[~inside].mean()


def test_two_phases_have_the_exact_distribution_of_their_sum():
    inside = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0], bool)
    label = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1], bool)
    plies = np.array([3, 3, 3, 3, 3, 14, 14, 14, 14])

    found = one_cluster(inside, label, plies)

    def hyper(a, n, m, k):
        return comb(m, a) * comb(n - m, k - a) / comb(n, k)

    sums = np.zeros(4)
    for a in range(3):
        for b in range(2):
            sums[a + b] += hyper(a, 5, 3, 2) * hyper(b, 4, 2, 1)
    assert found.p[0, 0] == pytest.approx(sums[sums <= sums[3] * 1.0001].sum())


def test_many_positions_take_the_normal_limit_smoothly(monkeypatch):
    random = np.random.default_rng(0)
    inside = random.random(5000) < 0.4
    label = random.random(5000) < np.where(inside, 0.33, 0.30)
    plies = random.integers(0, 60, 5000)
    limit = one_cluster(inside, label, plies)
    monkeypatch.setattr("conceptlrp.clustering.enrichment._EXACT_VARIANCE", 1e9)

    exact = one_cluster(inside, label, plies)

    assert limit.p[0, 0] == pytest.approx(exact.p[0, 0], rel=0.05)


def test_what_the_phase_explains_is_no_enrichment():
    random = np.random.default_rng(0)
    plies = random.integers(0, 60, 6000)
    late = plies >= 30
    inside = random.random(6000) < np.where(late, 0.6, 0.1)
    label = random.random(6000) < np.where(late, 0.9, 0.1)

    found = one_cluster(inside, label, plies)

    assert found.p[0, 0] > 0.01
    assert found.odds_ratio[0, 0] == pytest.approx(1, abs=0.25)
    assert found.inside[0, 0] == pytest.approx(found.rest[0, 0], abs=0.03)
    assert label[inside].mean() > 2 * label[~inside].mean() * 0.9


def test_positions_of_a_game_do_not_count_as_independent():
    random = np.random.default_rng(1)
    games = np.repeat(np.arange(60), 30)
    refused = {"games": 0, "fisher": 0}
    for _ in range(100):
        # Cluster and label hold for whole games, and have nothing to do with another.
        inside = np.repeat(random.random(60) < 0.4, 30)
        label = np.repeat(random.random(60) < 0.4, 30)
        for test in refused:
            found = one_cluster(inside, label, games=games, test=test)
            refused[test] += bool(found.p[0, 0] < 0.05)

    assert refused["games"] <= 12
    assert refused["fisher"] >= 60


def test_a_planted_label_is_found_in_its_cluster_alone():
    random = np.random.default_rng(0)
    clusters = random.integers(-1, 4, 4000)
    columns = {f"random {i}": random.random(4000) < 0.2 for i in range(20)}
    columns["planted"] = random.random(4000) < np.where(clusters == 2, 0.6, 0.1)

    found = label_enrichment(
        clusters,
        columns,
        plies=random.integers(0, 60, 4000),
        games=np.arange(4000) // 20,
        n_clusters=4,
    )

    first = found.of(2)[0]
    assert first.label == "planted"
    assert first.odds_ratio == pytest.approx(0.6 / 0.4 * 0.9 / 0.1, rel=0.3)
    assert first.q < 1e-6
    others = [each.label for k in (0, 1, 3) for each in found.of(k)]
    assert set(others) <= {"planted"}
    assert all(each.odds_ratio < 1 for k in (0, 1, 3) for each in found.of(k))


def test_a_cluster_that_has_all_of_a_label_has_a_finite_odds_ratio():
    inside = np.arange(40) < 10

    found = one_cluster(inside, inside.copy())

    assert 100 < found.odds_ratio[0, 0] < 5000
    assert found.p[0, 0] == pytest.approx(1 / comb(40, 10))


def test_phases_do_not_dilute_the_odds_ratio_of_a_label_that_is_absent():
    random = np.random.default_rng(0)
    inside = random.random(1200) < 0.2
    label = ~inside & (random.random(1200) < 0.2)

    found = one_cluster(inside, label, random.integers(0, 60, 1200))

    odds = label[~inside].mean() / (1 - label[~inside].mean())
    expected = 0.5 / (inside.sum() + 0.5) / odds
    assert found.odds_ratio[0, 0] == pytest.approx(expected, rel=0.1)


def test_a_label_that_all_or_none_have_says_nothing():
    inside = np.arange(40) < 10
    for label in (np.ones(40, bool), np.zeros(40, bool)):
        for test in ("games", "fisher"):
            assert one_cluster(inside, label, test=test).p[0, 0] == 1


def test_no_labels_and_no_clusters_make_empty_tables():
    nothing = label_enrichment(
        np.zeros(5, int),
        {},
        plies=np.zeros(5, int),
        games=np.arange(5),
        n_clusters=1,
    )

    assert nothing.q.shape == (1, 0)
    assert nothing.of(0) == ()


def test_corrected_p_values_never_fall_below_their_own():
    p = np.random.default_rng(0).random((4, 7)) ** 3

    q = adjusted_p_values(p)

    assert (q >= p).all()
    ranked = np.sort(p.ravel())
    for level in (0.05, 0.3):
        reported = (ranked <= level * np.arange(1, 29) / 28).nonzero()[0]
        count = reported[-1] + 1 if len(reported) else 0
        assert (q <= level).sum() == count


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"label 'label' has shape \(3,\), expected"):
        one_cluster(np.ones(4, bool), np.ones(3, bool))
    with pytest.raises(ValueError, match="test 'chi' is not known, expected one of ga"):
        one_cluster(np.ones(4, bool), np.ones(4, bool), test="chi")
