import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from conceptlrp.clustering import cluster_channels
from conceptlrp.clustering.channels import channel_similarity
from conceptlrp.clustering.moments import feature_moments


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


@pytest.mark.parametrize("kind", ["correlation", "cosine"])
def test_similarity_is_that_of_whole_columns(kind):
    features, _ = planted_groups()

    found = channel_similarity(feature_moments(features), kind=kind)

    exact = features.astype(np.float64)
    if kind == "correlation":
        expected = np.corrcoef(exact.T)
    else:
        unit = exact / np.linalg.norm(exact, axis=0)
        expected = unit.T @ unit
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_opposed_channels_are_alike_only_without_their_sign():
    features, _ = planted_groups(sizes=(4, 4))
    features[:, 0] *= -1

    signed = cluster_channels(features, 3)
    unsigned = cluster_channels(features, 2, signed=False)

    assert (signed.labels == signed.labels[0]).sum() == 1
    assert np.bincount(unsigned.labels).tolist() == [4, 4]


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
    with pytest.raises(ValueError, match="similarity 'dot' is not known, expected one"):
        cluster_channels(np.eye(3, dtype=np.float32), similarity="dot")
