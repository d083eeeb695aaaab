import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from conceptlrp.clustering.estimators import make_estimator
from conceptlrp.clustering.landmark_clustering import LandmarkClustering
from tests.clustering.conftest import planted


def hdbscan(**options):
    return HDBSCAN(min_cluster_size=20, copy=True, **options)


@pytest.mark.parametrize(
    "model",
    [
        LandmarkClustering(AgglomerativeClustering(8), n_landmarks=500),
        LandmarkClustering(hdbscan(), n_landmarks=800, assign="landmark"),
    ],
    ids=["hierarchical", "hdbscan"],
)
def test_planted_blobs_are_found_again_from_a_sample(model):
    points, truth = planted(4000, 16, 8, spread=0.1, scale=False)

    labels = model.fit_predict(points)

    assert len(model.landmark_indices_) < 4000
    assert adjusted_rand_score(truth, labels) >= 0.95


def test_density_clusters_keep_their_shape_beyond_the_sample():
    points, truth = make_moons(3000, noise=0.04, random_state=0)
    model = LandmarkClustering(hdbscan(), n_landmarks=800, assign="landmark")

    labels = model.fit_predict(points)

    assert adjusted_rand_score(truth, labels) >= 0.95


def test_points_far_from_every_cluster_are_noise():
    points, _ = planted(2000, 8, 3, spread=0.02, scale=False)
    model = LandmarkClustering(hdbscan(), n_landmarks=500, assign="landmark")
    model.fit(points)

    far = model.predict(np.full((4, 8), 50.0, np.float32))

    assert far.tolist() == [-1] * 4
    assert (model.labels_ == -1).mean() < 0.1


def test_landmarks_keep_their_labels():
    points, _ = planted(1500, 8, 4, spread=0.3, scale=False)
    model = LandmarkClustering(hdbscan(), n_landmarks=400, assign="landmark")

    model.fit(points)

    np.testing.assert_array_equal(
        model.labels_[model.landmark_indices_], model.landmark_labels_
    )


def test_noise_alone_labels_nothing():
    points, _ = planted(200, 8, 4)
    model = LandmarkClustering(DBSCAN(eps=1e-9, min_samples=50))

    assert set(model.fit_predict(points)) == {-1}
    assert model.cluster_centers_.shape == (0, 8)


@pytest.mark.parametrize("name", ["hdbscan", "hierarchical"])
def test_labels_depend_on_the_seed_and_not_on_batches(name):
    points, _ = planted(3000, 12, 5, spread=0.4)
    model = make_estimator(name, n_clusters=5, seed=3).set_params(n_landmarks=600)

    labels = model.fit_predict(points)

    again = make_estimator(name, n_clusters=5, seed=3).set_params(n_landmarks=600)
    np.testing.assert_array_equal(again.fit_predict(points), labels)
    parts = [model.predict(points[start : start + 7]) for start in range(0, 3000, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), labels)


@pytest.mark.filterwarnings("ignore")
def test_it_is_a_scikit_learn_estimator():
    model = LandmarkClustering(AgglomerativeClustering(3))

    for estimator, check in estimator_checks_generator(model, legacy=False):
        check(estimator)


def test_a_parameter_out_of_range_is_named():
    model = AgglomerativeClustering(2)
    with pytest.raises(ValueError, match="assign is 'all', expected 'center' or"):
        LandmarkClustering(model, assign="all").fit(np.eye(4))
    with pytest.raises(ValueError, match="n_landmarks is 1, expected at least 2"):
        LandmarkClustering(model, n_landmarks=1).fit(np.eye(4))


def test_a_name_that_needs_a_number_of_clusters_says_so():
    with pytest.raises(ValueError, match="expected a number for 'mixture'"):
        make_estimator("mixture", n_clusters=None, seed=0)
