"""Networks of the same shape with random weights."""

import copy

import numpy as np
import pytest

from conceptlrp.evaluation.sample import Sample
from conceptlrp.labelling.networks import random_network, randomize
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask, planes_of


def test_a_layer_alone_gets_new_weights_of_the_old_size(explainer: Explainer) -> None:
    network = copy.deepcopy(explainer.network)

    randomize(network, "fc1", seed=1)

    before, after = explainer.network.state_dict(), network.state_dict()
    changed = [name for name in before if not before[name].equal(after[name])]
    assert changed == ["fc1.weight", "fc1.bias"]
    old, new = before["fc1.weight"], after["fc1.weight"]
    assert float(new.std()) == pytest.approx(
        float(old.square().mean().sqrt()), rel=0.02
    )
    assert abs(float((old * new).mean())) < 0.02 * float(old.square().mean())


def test_a_random_network_has_no_weight_of_the_trained_one(
    explainer: Explainer, sample: Sample
) -> None:
    found = random_network(explainer)

    before, after = explainer.network.state_dict(), found.network.state_dict()
    assert not any(before[name].equal(after[name]) for name in before)
    logits = ask(found, sample.boards).logits
    with found.propagation.forward(planes_of(found, sample.boards)) as passed:
        np.testing.assert_allclose(passed.outputs["policy"], logits, atol=1e-9)
