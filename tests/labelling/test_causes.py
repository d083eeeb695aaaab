import json

import numpy as np
import pytest

from conceptlrp.labelling.causes import causal_check, phase_matched


def test_a_channel_that_matters_only_with_its_label_passes():
    random = np.random.default_rng(0)

    found = causal_check(random.normal(2, 1, 200), random.normal(0, 0.5, 200))

    assert found.passed
    assert 1 < found.low < found.ratio < found.high


def test_a_channel_that_matters_everywhere_fails():
    random = np.random.default_rng(0)

    found = causal_check(random.normal(2, 1, 200), random.normal(2, 1, 200))

    assert not found.passed
    assert found.low < 1 < found.high


def test_a_large_ratio_of_few_positions_fails():
    found = causal_check([9.0, 0.1, 0.1], [1.0, 0.2, 0.1, 0.1])

    assert found.ratio > 2
    assert not found.passed


def test_a_channel_without_any_effect_fails():
    found = causal_check(np.zeros(9), np.zeros(9))

    assert (found.ratio, found.passed) == (1, False)


def test_an_effect_with_the_label_alone_passes_and_can_be_written():
    found = causal_check(np.ones(9), np.zeros(9))

    assert found.passed
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["ratio"] is None


def test_positions_of_one_kind_cannot_be_compared():
    with pytest.raises(ValueError, match="0 positions with the label, 2 without"):
        causal_check([], [1.0, 2.0])


def test_matched_positions_are_as_many_of_every_phase():
    random = np.random.default_rng(1)
    phases = random.integers(0, 3, 400)
    flags = random.random(400) < np.array([0.1, 0.5, 0.9])[phases]

    having, lacking = phase_matched(flags, phases, seed=2)

    assert flags[having].all()
    assert not flags[lacking].any()
    counts = [np.bincount(phases[rows], minlength=3) for rows in (having, lacking)]
    np.testing.assert_array_equal(*counts)
    for phase, number in enumerate(counts[0]):
        kinds = np.bincount(flags[phases == phase])
        assert number == kinds.min()
