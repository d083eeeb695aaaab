import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from conceptlrp.clustering import cluster_stability
from conceptlrp.clustering.estimators import (
    bootstrap_labels,
    make_estimator,
    sample_games,
)
from tests.clustering.conftest import planted


@pytest.fixture(scope="module")
def blobs():
    points, truth = planted(900, 8, 5, spread=0.15, scale=False)
    return points, truth, np.arange(900) // 6


def test_planted_clusters_are_stable(blobs):
    points, truth, games = blobs
    model = make_estimator("spectral", n_clusters=5, seed=0)

    found = cluster_stability(model, points, games, labels=truth, repeats=6)

    assert found.agreement > 0.98
    assert found.error < 0.02
    assert (found.jaccard > 0.95).all()
    assert len(found.jaccard) == 5


def test_clusters_of_shapeless_positions_are_not_stable():
    points = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    model = make_estimator("kmeans", n_clusters=6, seed=0)
    labels = model.fit_predict(points)

    found = cluster_stability(
        model, points, np.arange(600) // 5, labels=labels, repeats=6
    )

    assert found.agreement < 0.6
    assert found.jaccard.mean() < 0.75


def test_agreement_is_the_mean_over_all_pairs(blobs):
    points, _, games = blobs
    model = KMeans(7, n_init=1, random_state=0)
    found = cluster_stability(model, points, games, repeats=4, seed=3)

    labels = bootstrap_labels(model, points, games, repeats=4, seed=3)
    pairs = [
        adjusted_rand_score(labels[i], labels[j]) for i in range(4) for j in range(i)
    ]
    assert found.agreement == pytest.approx(np.mean(pairs))
    assert len(found.jaccard) == 0


def test_noise_is_no_cluster_of_either_side(blobs):
    points, truth, games = blobs
    labels = np.where(np.arange(900) % 3 == 0, -1, truth)
    model = KMeans(5, n_init=5, random_state=0)

    found = cluster_stability(model, points, games, labels=labels, repeats=4)

    kept = np.bincount(truth[labels >= 0]) / np.bincount(truth)
    np.testing.assert_allclose(found.jaccard, kept, rtol=0.01)


def test_whole_games_are_drawn():
    games = np.random.default_rng(0).integers(0, 40, 500)

    rows = sample_games(games, 200, seed=1)

    assert 200 <= len(rows) < 230
    assert set(np.flatnonzero(np.isin(games, games[rows]))) == set(rows)
    assert sample_games(games, 500, seed=1).tolist() == list(range(500))


def test_too_few_games_or_repetitions_are_refused(blobs):
    points, _, _ = blobs
    with pytest.raises(ValueError, match="20 repetitions of 1 games, expected 3 of 10"):
        cluster_stability(KMeans(2), points, np.zeros(900, int))
