import numpy as np
import pytest
from scipy.optimize import nnls

from conceptlrp.clustering import blocks, concept_directions

DIRECTIONS = np.array(
    [
        [3.0, 1, 0, 0, 0, 0, -1, 0],
        [0, 0, 2, 2, 0, 0, 0, 0],
        [0, 0, 0, 0, -4, 0, 0, 1],
    ]
)


@pytest.fixture(scope="module")
def planted():
    """Positions that use few of the planted directions each, the first most."""
    random = np.random.default_rng(0)
    used = random.random((1500, 3)) < [0.6, 0.45, 0.3]
    weights = used * random.exponential(size=(1500, 3))
    return (weights @ DIRECTIONS).astype(np.float32), weights


def test_planted_directions_are_found_again(planted):
    features, _ = planted

    found = concept_directions(features, 3)

    unit = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    cosine = (found.supporting - found.opposing) @ unit.T
    assert (cosine.max(axis=0) > 0.99).all()
    assert found.explained > 0.999
    rows = slice(20)
    np.testing.assert_allclose(found.reconstruction(rows), features[rows], atol=0.05)


def test_top_channels_and_positions_are_those_of_the_direction(planted):
    features, weights = planted
    found = concept_directions(features, 3)
    opposed = next(k for k in range(3) if found.opposing[k, 4] > 0.5)

    channels, shares = found.top_channels(opposed, 2)
    best = found.top_positions(opposed, 5)

    assert channels.tolist() == [4, 7]
    assert shares[0] < 0 < shares[1]
    assert best.tolist() == np.argsort(-weights[:, 2])[:5].tolist()
    one = found.top_positions(opposed, 5, games=np.zeros(1500, int))
    assert one.tolist() == best[:1].tolist()


def test_weights_are_those_of_non_negative_least_squares(planted):
    features, _ = planted
    found = concept_directions(features, 3, fit_rows=400)

    basis = np.concatenate([found.supporting, found.opposing], axis=1)
    for row in (0, 7, 1400):
        values = features[row]
        parts = np.concatenate([values.clip(min=0), (-values).clip(min=0)])
        expected, _ = nnls(basis.T.astype(float), parts.astype(float))
        np.testing.assert_allclose(found.weights[row], expected, atol=1e-4)


def test_directions_depend_on_the_seed_and_not_on_blocks(planted, monkeypatch):
    features, _ = planted
    whole = concept_directions(features, 3, fit_rows=500, seed=1)
    monkeypatch.setattr(blocks, "BLOCK", 37)

    parts = concept_directions(features, 3, fit_rows=500, seed=1)

    np.testing.assert_array_equal(parts.supporting, whole.supporting)
    np.testing.assert_allclose(parts.weights, whole.weights, atol=1e-6)
    assert parts.explained == pytest.approx(whole.explained)


def test_the_most_used_direction_comes_first(planted):
    found = concept_directions(planted[0], 3)

    assert len(found) == 3
    assert (np.diff(found.weights.sum(axis=0)) <= 0).all()
    assert (found.weights >= 0).all()


def test_more_directions_than_positions_are_refused():
    with pytest.raises(ValueError, match="9 directions of 4 positions with 3 channels"):
        concept_directions(np.ones((4, 3), np.float32), 9)
