import numpy as np
import pytest

from conceptlrp.clustering.clustering import (
    center_distances,
    cluster_centers,
    marker_effects,
    strongest_markers,
    typical_rows,
)


def brute_effect(features, labels, cluster, channel):
    inside = features[labels == cluster, channel].astype(float)
    rest = features[labels != cluster, channel].astype(float)
    squares = inside.var() * len(inside) + rest.var() * len(rest)
    spread = np.sqrt(squares / (len(inside) + len(rest) - 2))
    return (inside.mean() - rest.mean()) / spread


def test_effects_are_cohens_d_of_the_cluster_against_the_rest():
    random = np.random.default_rng(0)
    features = random.normal(loc=3, size=(400, 5)).astype(np.float32)
    labels = random.integers(-1, 3, 400).astype(np.int32)

    effects = marker_effects(features, labels, 3)

    expected = [
        [brute_effect(features, labels, k, c) for c in range(5)] for k in range(3)
    ]
    np.testing.assert_allclose(effects, expected, rtol=1e-4)


def test_the_planted_channel_is_the_first_marker():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500).astype(np.int32)
    features = random.normal(size=(500, 10)).astype(np.float32)
    features[np.arange(500), 2 * labels] += 5

    markers = strongest_markers(marker_effects(features, labels, 4), 3)

    assert [each.channels[0] for each in markers] == [0, 2, 4, 6]
    assert all(each.effects[0] > 2 for each in markers)


def test_a_constant_channel_has_no_effect():
    features = np.ones((10, 1), np.float32)

    assert marker_effects(features, np.repeat([0, 1], 5).astype(np.int32), 2).max() == 0


def test_a_channel_constant_in_and_out_of_the_cluster_has_a_finite_effect():
    labels = np.repeat([0, 1], 5).astype(np.int32)

    effects = marker_effects(labels[:, None].astype(np.float32), labels, 2)

    np.testing.assert_allclose(effects[:, 0], [-200, 200], rtol=1e-5)


def test_a_single_cluster_has_no_rest_and_no_effect():
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)

    assert not marker_effects(features, np.zeros(20, np.int32), 1).any()


def test_noise_belongs_to_the_rest_but_to_no_center():
    features = np.array([[0.0], [2.0], [100.0]], np.float32)
    labels = np.array([0, 0, -1], np.int32)

    centers = cluster_centers(features, labels, 1)

    assert centers.tolist() == [[1.0]]
    assert center_distances(features, labels, centers).tolist() == [1, 1, np.inf]


def test_typical_positions_are_the_nearest_ones_of_different_games():
    distances = np.array([3, 1, 2, 0, 5], np.float32)
    labels = np.array([0, 0, 0, 1, -1], np.int32)
    games = np.array([0, 1, 1, 0, 2], np.int32)

    found = typical_rows(labels, distances, games, n_clusters=2, count=2)

    assert [each.tolist() for each in found] == [[1, 0], [3]]


@pytest.mark.parametrize("k", [2, 50])
def test_no_more_markers_are_given_than_there_are_channels(k):
    markers = strongest_markers(np.zeros((3, 4), np.float32), k)

    assert [len(each.channels) for each in markers] == 3 * [min(k, 4)]
