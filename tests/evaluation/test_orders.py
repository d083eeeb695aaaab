"""Orders of squares and what they are held against."""

import numpy as np

from conceptlrp.evaluation.orders import center_prior, places, shuffled_within
from conceptlrp.labels import location_classes

RNG = np.random.default_rng(0)


def test_places_count_the_higher_scores() -> None:
    scores, among = RNG.normal(size=(30, 10)), RNG.random((30, 10)) < 0.7

    found = places(scores, among)

    for row in range(30):
        for square in range(10):
            higher = (scores[row] > scores[row, square]) & among[row]
            expected = higher.sum() if among[row, square] else 10
            assert found[row, square] == expected


def test_shuffled_scores_stay_in_their_group() -> None:
    scores, groups = RNG.normal(size=(50, 20)), RNG.integers(-1, 3, (50, 20))

    found = shuffled_within(scores, groups, seed=1)

    assert (found != scores).mean() > 0.5
    for group in range(-1, 3):
        for before, after, held in zip(scores, found, groups == group, strict=True):
            np.testing.assert_array_equal(np.sort(before[held]), np.sort(after[held]))


def test_any_square_of_a_group_can_come_first() -> None:
    scores = np.tile([3.0, 2.0, 1.0, 9.0], (3000, 1))
    groups = np.tile([0, 0, 0, 1], (3000, 1))

    first = places(shuffled_within(scores, groups)[:, :3]).argmin(axis=1)

    shares = np.bincount(first) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_the_prior_prefers_the_centre_and_ends_at_the_corners() -> None:
    prior = center_prior(8)

    classes = location_classes(8)
    assert set(classes[np.flatnonzero(prior == prior.max())]) == {classes[27]}
    assert np.flatnonzero(prior == prior.min()).tolist() == [0, 7, 56, 63]
