"""Sums that relevance must keep."""

import numpy as np
import pytest

from conceptlrp.evaluation.additivity import additivity_errors, conservation_of
from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus
from tests.evaluation.conftest import AddingNetwork
from tests.lrp.conftest import randomize


def test_without_biases_everything_arrives(
    adding_explainer: Explainer, adding_sample: Sample
) -> None:
    found = conservation_of(adding_explainer, adding_sample)

    assert found is not None
    np.testing.assert_allclose(found.arrived, 1, atol=1e-4)
    np.testing.assert_allclose(found.bias, 0, atol=1e-12)


def test_a_bias_absorbs_its_share_of_the_output(games: Corpus) -> None:
    explainer = Explainer(AddingNetwork(bias=2.0), composite="epsilon", dtype="float64")
    sample = draw_sample(explainer, games, n_positions=12)

    found = conservation_of(explainer, sample)

    assert found is not None
    share = 2.0 / sample.outputs.of(sample.best)
    head = found.operations.index("policy")
    np.testing.assert_allclose(found.bias[head], share, rtol=1e-4)
    np.testing.assert_allclose(found.arrived, 1 - share, rtol=1e-4)
    report = found.to_dict()
    assert report["layers"]["policy"]["bias"] == pytest.approx(np.median(share), 1e-4)


def test_a_composite_without_rules_has_no_report(
    network: OthelloNet, sample: Sample
) -> None:
    gradient = Explainer(network, composite="gradient-x-input")

    assert conservation_of(gradient, sample) is None


@pytest.mark.parametrize("composite", COMPOSITES)
def test_channels_add_up_to_their_layer(
    network: OthelloNet, sample: Sample, composite: str
) -> None:
    explainer = Explainer(network, composite=composite, dtype="float64")

    found = additivity_errors(explainer, sample, batch_size=5)

    assert tuple(found) == explainer.layers
    assert max(errors.max() for errors in found.values()) < 1e-12
    assert all(errors.shape == (len(sample),) for errors in found.values())


def test_channels_beside_a_skip_connection_add_up_to_their_layer(
    sample: Sample,
) -> None:
    tower = randomize(ResidualTower(3, 1, 8, value_units=5))
    explainer = Explainer(tower, composite="epsilon", dtype="float64")

    found = additivity_errors(explainer, sample.take(4))

    assert max(errors.max() for errors in found.values()) < 1e-12
