import numpy as np
import pytest

from conceptlrp.clustering import blocks
from conceptlrp.clustering.moments import feature_moments


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    mixed = random.normal(size=(400, 6)) @ random.normal(size=(6, 6))
    return (mixed + 100).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 400, 8192])
def test_moments_are_those_of_all_rows_at_once(features, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)

    found = feature_moments(features)

    exact = features.astype(np.float64)
    assert found.count == 400
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        found.scatter, 400 * np.cov(exact.T, bias=True), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(found.products, exact.T @ exact, rtol=1e-9)
    np.testing.assert_allclose(found.variance, exact.var(axis=0), rtol=1e-9)


def test_moments_of_parts_merge_into_those_of_the_whole(features):
    parts = feature_moments(features[:150]).merge(feature_moments(features[150:]))

    whole = feature_moments(features)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.scatter, whole.scatter, rtol=1e-9)


def test_principal_axes_are_those_of_a_singular_value_decomposition(features):
    axes, variances = feature_moments(features).principal_axes(3)

    centered = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    _, values, expected = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(variances, values[:3] ** 2 / 400, rtol=1e-8)
    np.testing.assert_allclose(np.abs(axes), np.abs(expected[:3]), atol=1e-7)
    assert (axes[np.arange(3), np.abs(axes).argmax(axis=1)] > 0).all()
