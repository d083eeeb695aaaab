import numpy as np
import pytest
from scipy.stats import multivariate_normal

from conceptlrp.clustering import Prototypes, fit_prototypes
from tests.clustering.conftest import planted


@pytest.fixture(scope="module")
def blobs():
    return planted(3000, 10, 4, spread=0.2, scale=False)


@pytest.fixture(scope="module")
def prototypes(blobs):
    return fit_prototypes(blobs[0], 4)


def test_prototypes_are_the_planted_means(blobs, prototypes):
    points, truth = blobs

    for kind in range(4):
        mean = points[truth == kind].mean(axis=0)
        distance = np.linalg.norm(prototypes.means - mean, axis=1)
        assert distance.min() < 0.05
        nearest = int(distance.argmin())
        assert (prototypes.nearest(points[truth == kind]) == nearest).mean() > 0.99
    assert (np.diff(prototypes.weights) <= 0).all()


def test_the_log_likelihood_is_that_of_the_mixture(blobs, prototypes):
    points = blobs[0][:50]

    found = prototypes.log_likelihood(points)

    density = sum(
        w * multivariate_normal(m, np.diag(v)).pdf(points)
        for w, m, v in zip(
            prototypes.weights, prototypes.means, prototypes.variances, strict=True
        )
    )
    np.testing.assert_allclose(found, np.log(density), rtol=1e-8)


def test_outliers_are_positions_unlike_all_that_were_fitted(blobs, prototypes):
    points = blobs[0]
    strange = points[:200] + np.float32(3)

    assert prototypes.outliers(strange).all()
    assert prototypes.outliers(points, level=0.05).mean() == pytest.approx(
        0.05, abs=5e-3
    )


def test_an_overused_and_an_underused_channel_are_told(blobs, prototypes):
    position = prototypes.means[2:3].astype(np.float32)
    position[0, 7] += 1
    position[0, 3] -= 1

    found = prototypes.deviation(position)

    assert found.prototypes.tolist() == [2]
    assert found.difference[0].argmax() == 7
    assert found.difference[0].argmin() == 3
    spread = np.sqrt(prototypes.variances[2])
    np.testing.assert_allclose(
        found.standardized[0, [7, 3]], [1 / spread[7], -1 / spread[3]], rtol=1e-4
    )


def test_the_same_seed_fits_the_same_prototypes(blobs):
    first, second = (fit_prototypes(blobs[0], 3, fit_rows=500, seed=2) for _ in "ab")

    np.testing.assert_array_equal(first.means, second.means)
    np.testing.assert_array_equal(first.levels, second.levels)


def test_a_constant_channel_does_not_make_everything_an_outlier():
    points, _ = planted(600, 4, 2, scale=False)
    points[:, 0] = 0

    found = fit_prototypes(points, 2)

    assert np.isfinite(found.log_likelihood(points)).all()
    nudged = points + np.array([1e-4, 0, 0, 0], np.float32)
    assert found.outliers(nudged).mean() < 0.05


def test_fewer_positions_than_prototypes_are_refused():
    with pytest.raises(ValueError, match="3 positions, expected at least 8"):
        fit_prototypes(np.eye(3, dtype=np.float32), 8)


def test_the_number_of_prototypes_is_their_length(prototypes):
    assert isinstance(prototypes, Prototypes)
    assert len(prototypes) == 4
