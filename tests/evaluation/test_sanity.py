"""Randomised layers, conservation and additivity of relevance."""

import copy

import numpy as np
import pytest
from zennit.composites import LayerMapComposite
from zennit.rules import Flat, ZPlus
from zennit.types import Convolution, Linear

from conceptlrp.evaluation.heatmaps import (
    additivity_errors,
    cascade,
    conservation_of,
    path_to_output,
)
from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.labelling.networks import randomize
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.lrp.probing import explain_boards
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus
from conceptlrp.statistics.estimates import estimate, rank_correlation
from tests.evaluation.conftest import AddingNetwork
from tests.lrp.conftest import randomize as used

POLICY_PATH = ("conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3")


def test_layers_come_in_the_order_in_which_they_run(explainer: Explainer) -> None:
    assert path_to_output(explainer.network) == POLICY_PATH


def test_the_path_of_a_tower_leaves_out_the_other_head() -> None:
    tower = Explainer(used(ResidualTower(3, 1, 8, value_units=5)), composite="epsilon")

    path = path_to_output(tower.network)

    assert path[0] == "stem.conv"
    assert any(name.startswith("policy_head") for name in path)
    assert not any(name.startswith("value_head") for name in path)


@pytest.mark.parametrize("order", ["top-down", "bottom-up"])
def test_each_step_is_compared_with_a_network_randomized_so_far(
    explainer: Explainer, sample: Sample, order: str
) -> None:
    sample = sample.take(4)

    found = cascade(explainer, sample, order=order, seeds=(3,))

    path = POLICY_PATH[::-1] if order == "top-down" else POLICY_PATH
    network = copy.deepcopy(explainer.network)
    for number, layer in enumerate(path[:2]):
        randomize(network, layer, seed=3000 + number)
    actions = sample.best[:, None]
    maps = [
        explain_boards(
            Explainer(each, composite="epsilon", dtype="float64"),
            sample.boards,
            actions,
        ).one_hot[:, 0]
        for each in (explainer.network, network)
    ]
    assert found.layers == path
    np.testing.assert_allclose(
        found.rho[1], rank_correlation(*maps, sample.occupied), atol=1e-9
    )


def test_epsilon_keeps_nothing_of_a_network_without_its_weights(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    found = cascade(adding_explainer, adding_sample, seeds=range(6))

    assert abs(found.rho[-1].mean()) < 0.15
    assert abs(found.excess[-1].mean()) < 0.1


def test_what_positive_parts_alone_draw_survives_every_weight(
    explainer: Explainer, sample: Sample
) -> None:
    rules = [(Linear, Flat()), (Convolution, ZPlus())]
    blind = Explainer(explainer.network, composite=LayerMapComposite(rules))

    found = cascade(blind, sample, seeds=(0, 1))

    for part in (found.rho[-1], found.excess[-1]):
        assert estimate(part, sample.games).low > 0.3


def test_an_unknown_cascade_is_refused(explainer: Explainer, sample: Sample) -> None:
    with pytest.raises(ValueError, match="'sideways', expected one of top-down"):
        cascade(explainer, sample, order="sideways")


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
    tower = used(ResidualTower(3, 1, 8, value_units=5))
    explainer = Explainer(tower, composite="epsilon", dtype="float64")

    found = additivity_errors(explainer, sample.take(4))

    assert max(errors.max() for errors in found.values()) < 1e-12
