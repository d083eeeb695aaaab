import numpy as np
import pytest

from conceptlrp.clustering.features import relevance_features


def test_shares_keep_the_sign_and_add_up_to_one_in_magnitude():
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    share = relevance_features(relevance)

    np.testing.assert_allclose(np.abs(share).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(np.sign(share), np.sign(relevance.astype(np.float32)))


def test_shares_do_not_depend_on_the_size_of_the_output():
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    np.testing.assert_allclose(
        relevance_features(relevance), relevance_features(100 * relevance), rtol=1e-6
    )


def test_l2_features_have_length_one():
    features = relevance_features([[3.0, -4.0]], kind="l2")

    np.testing.assert_allclose(features, [[0.6, -0.8]], rtol=1e-6)


def test_raw_features_are_the_relevance():
    np.testing.assert_array_equal(relevance_features([[3, -4]], kind="raw"), [[3, -4]])


def test_an_unknown_feature_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r".l7. is not known.*share, raw, l2, abs"):
        relevance_features([[1.0]], kind="l7")


def test_a_flat_array_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(n, C\)"):
        relevance_features([1.0, 2.0, 3.0])


@pytest.mark.parametrize("kind", ["share", "raw", "l2"])
def test_absolute_features_are_magnitudes(kind):
    relevance = np.random.default_rng(0).normal(size=(50, 9))

    absolute = relevance_features(relevance, kind=f"absolute-{kind}")

    signed = relevance_features(relevance, kind=kind)
    np.testing.assert_array_equal(absolute, np.abs(signed))
