import resource
import time

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from conceptlrp.clustering.estimators import make_estimator
from conceptlrp.clustering.landmarks import (
    LandmarkClustering,
    LandmarkSpectral,
    distinct_sample,
    eigengap,
    nearest_center,
)
from tests.clustering.conftest import planted
from tests.planted.classes import repeated_vectors


def test_planted_blobs_are_found_again():
    points, truth = planted(1500, 16, 8, spread=0.3, scale=False)

    labels = LandmarkSpectral(8).fit_predict(points)

    assert adjusted_rand_score(truth, labels) >= 0.95


def test_fewer_landmarks_than_points_label_every_point():
    points, truth = planted(5000, 16, 5, spread=0.3, scale=False)

    model = LandmarkSpectral(5, n_landmarks=300).fit(points)

    assert len(model.landmark_indices_) == 300
    assert adjusted_rand_score(truth, model.labels_) >= 0.95


def test_the_eigengap_counts_planted_blobs():
    points, truth = planted(1500, 16, 7, spread=0.3, scale=False)

    model = LandmarkSpectral(n_clusters=None).fit(points)

    assert model.n_clusters_ == 7
    assert adjusted_rand_score(truth, model.labels_) >= 0.95


def test_landmarks_follow_a_curved_cluster():
    points, truth = make_moons(600, noise=0.04, random_state=0)

    model = LandmarkSpectral(2, n_neighbors=8).fit(points)

    # The halves of the moons' means are nearest to the right moon for most points
    # only; the landmarks themselves are separated exactly.
    means = [points[truth == half].mean(axis=0) for half in (0, 1)]
    found = model.cluster_centers_[np.argsort(model.cluster_centers_[:, 0])]
    np.testing.assert_allclose(found, means, atol=0.02)


def test_the_same_seed_gives_the_same_labels():
    points, _ = planted(1000, 12, 9, spread=1.0)

    first, second = (LandmarkSpectral(9, random_state=4).fit(points) for _ in range(2))

    np.testing.assert_array_equal(first.labels_, second.labels_)
    np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)


def test_labels_do_not_depend_on_how_rows_are_batched():
    points, _ = planted(2500, 16, 5)
    model = LandmarkSpectral(5).fit(points)

    parts = [model.predict(points[start : start + 7]) for start in range(0, 2500, 7)]

    np.testing.assert_array_equal(np.concatenate(parts), model.labels_)


def test_repeated_points_share_a_label_and_do_not_become_clusters():
    points, truth = planted(900, 12, 3, spread=0.3, scale=False)
    repeated = np.concatenate([points, np.repeat(points[:2], 500, axis=0)])

    model = LandmarkSpectral(3).fit(repeated)

    assert adjusted_rand_score(truth, model.labels_[:900]) >= 0.95
    assert len(set(model.labels_[900:1400])) == 1
    assert len(model.landmark_indices_) == 900


def test_more_pieces_of_the_graph_than_clusters_are_joined_by_distance():
    centers = np.array([[0, 0], [1, 0], [0, 1], [50, 50], [51, 50], [50, 51]])
    random = np.random.default_rng(0)
    points = np.repeat(centers, 40, axis=0) + 0.01 * random.normal(size=(240, 2))

    labels = LandmarkSpectral(2).fit_predict(points)

    assert adjusted_rand_score(np.repeat([0, 1], 120), labels) == 1.0


def test_fewer_distinct_points_than_clusters_are_a_cluster_each():
    points = np.repeat(np.eye(3), [400, 20, 1], axis=0)

    model = LandmarkSpectral(12).fit(points)

    assert model.n_clusters_ == 3
    assert sorted(np.bincount(model.labels_)) == [1, 20, 400]


@pytest.mark.parametrize("n_clusters", [3, None])
def test_one_vector_is_one_cluster(n_clusters):
    model = LandmarkSpectral(n_clusters).fit(np.zeros((50, 4)))

    assert model.labels_.tolist() == [0] * 50


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.03])
@pytest.mark.parametrize("distinct", [3, 6, 10])
def test_few_vectors_repeated_are_put_into_their_classes(distinct, noise):
    for seed in range(3):
        values, truth = repeated_vectors(3, distinct, noise=noise, seed=seed)

        labels = LandmarkSpectral(3, random_state=seed).fit_predict(values)

        assert adjusted_rand_score(truth, labels) >= 0.95


def test_a_vector_repeated_is_a_class_beside_vectors_that_differ():
    random = np.random.default_rng(0)
    truth = random.choice(3, 2000, p=[0.6, 0.2, 0.2])
    spread = 0.25 * random.normal(size=(2000, 16)) * (truth > 0)[:, None]
    points = random.normal(size=(3, 16))[truth] + spread

    for n_clusters in (3, None):
        labels = LandmarkSpectral(n_clusters).fit_predict(points)
        assert adjusted_rand_score(truth, labels) == 1.0


def test_repeated_points_amid_others_are_no_cluster_of_their_own():
    points, truth = planted(1500, 8, 3, spread=0.3, scale=False)
    repeated = np.concatenate([points, np.repeat(points[:5], 60, axis=0)])

    labels = LandmarkSpectral(3).fit_predict(repeated)

    assert adjusted_rand_score(truth, labels[:1500]) >= 0.95


@pytest.mark.parametrize(
    ("name", "value"), [("n_clusters", 0), ("n_landmarks", 1), ("n_neighbors", 0)]
)
def test_a_parameter_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, expected at least"):
        LandmarkSpectral(**{name: value}).fit(np.eye(4))


def test_it_is_the_last_step_of_a_pipeline():
    points, truth = planted(800, 10, 4, spread=0.2, scale=False)

    labels = make_pipeline(StandardScaler(), LandmarkSpectral(4)).fit_predict(points)

    assert adjusted_rand_score(truth, labels) >= 0.95


@pytest.mark.filterwarnings("ignore")
def test_it_is_a_scikit_learn_estimator():
    model = LandmarkSpectral(n_clusters=3, n_neighbors=5)

    for estimator, check in estimator_checks_generator(model, legacy=False):
        check(estimator)


def test_distinct_rows_are_drawn_once():
    points = np.repeat(np.arange(5.0)[:, None], 4, axis=0)

    chosen, counts = distinct_sample(points, 10, np.random.RandomState(0))

    assert sorted(points[chosen, 0]) == [0, 1, 2, 3, 4]
    assert counts.tolist() == [4] * 5


def test_the_eigengap_is_never_one():
    assert eigengap(np.array([0.0, 0.9, 0.95])) == 2


def test_the_lower_center_wins_a_tie():
    labels = nearest_center(np.zeros((1, 2)), np.array([[1.0, 0.0], [0.0, 1.0]]))

    assert labels.tolist() == [0]


@pytest.mark.slow
def test_200_000_points_are_clustered_in_bounded_memory():
    points, truth = planted(200_000, 64, 12, spread=0.3, scale=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()

    labels = LandmarkSpectral(12).fit_predict(points)

    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert adjusted_rand_score(truth, labels) >= 0.95
    assert used < 400, f"{used:.0f} MiB"
    assert time.perf_counter() - start < 60


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
def test_the_general_one_is_a_scikit_learn_estimator_too():
    model = LandmarkClustering(AgglomerativeClustering(3))

    for estimator, check in estimator_checks_generator(model, legacy=False):
        check(estimator)


def test_an_assignment_or_reach_that_makes_no_sense_is_named():
    model = AgglomerativeClustering(2)
    with pytest.raises(ValueError, match="assign is 'all', expected 'center' or"):
        LandmarkClustering(model, assign="all").fit(np.eye(4))
    with pytest.raises(ValueError, match="n_landmarks is 1, expected at least 2"):
        LandmarkClustering(model, n_landmarks=1).fit(np.eye(4))


def test_a_name_that_needs_a_number_of_clusters_says_so():
    with pytest.raises(ValueError, match="expected a number for 'mixture'"):
        make_estimator("mixture", n_clusters=None, seed=0)
