import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from conceptlrp.clustering import cluster_channels, features as tables
from conceptlrp.clustering.channels import channel_similarity, feature_moments


def planted_groups(n=800, sizes=(6, 4, 3), seed=0, noise=0.4):
    """Columns that follow one of several causes each, in a shuffled order."""
    random = np.random.default_rng(seed)
    groups = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    causes = random.normal(size=(n, len(sizes)))
    values = causes[:, groups] + noise * random.normal(size=(n, len(groups)))
    return (values * random.lognormal(size=len(groups)) + 3).astype(np.float32), groups


def test_planted_groups_of_channels_are_found_again():
    features, groups = planted_groups()

    found = cluster_channels(features, 3)

    assert adjusted_rand_score(groups, found.labels) == 1.0
    assert np.bincount(found.labels).tolist() == [6, 4, 3]
    assert (np.diff(found.labels[found.order]) != 0).sum() == 2


def test_similarity_is_the_correlation_of_whole_columns():
    features, _ = planted_groups()

    found = channel_similarity(feature_moments(features))

    expected = np.corrcoef(features.astype(np.float64).T)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_opposed_channels_are_unlike():
    features, _ = planted_groups(sizes=(4, 4))
    features[:, 0] *= -1

    found = cluster_channels(features, 3)

    assert (found.labels == found.labels[0]).sum() == 1


def test_a_channel_that_never_varies_is_like_no_other():
    features, groups = planted_groups()
    features[:, 2] = 7.1

    found = cluster_channels(features, 3)

    assert np.flatnonzero(found.labels == -1).tolist() == [2]
    assert not found.similarity[2].any()
    assert len(found.order) == len(groups) - 1


def test_channels_that_all_stand_still_make_no_tree():
    found = cluster_channels(np.ones((20, 3), np.float32), 2)

    assert found.labels.tolist() == [-1, -1, -1]
    assert found.tree.shape == (0, 4)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="n_clusters is 0, expected at least 1"):
        cluster_channels(np.eye(3, dtype=np.float32), 0)


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    mixed = random.normal(size=(400, 6)) @ random.normal(size=(6, 6))
    return (mixed + 100).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 400, 8192])
def test_moments_are_those_of_all_rows_at_once(features, block, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", block)

    found = feature_moments(features)

    exact = features.astype(np.float64)
    assert found.count == 400
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        found.scatter, 400 * np.cov(exact.T, bias=True), rtol=1e-9, atol=1e-9
    )


def test_moments_of_parts_merge_into_those_of_the_whole(features):
    parts = feature_moments(features[:150]).merge(feature_moments(features[150:]))

    whole = feature_moments(features)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.scatter, whole.scatter, rtol=1e-9)


def test_principal_axes_are_those_of_a_singular_value_decomposition(features):
    axes = feature_moments(features).principal_axes(3)

    centered = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    _, _, expected = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.abs(axes), np.abs(expected[:3]), atol=1e-7)
    assert (axes[np.arange(3), np.abs(axes).argmax(axis=1)] > 0).all()
