"""Dependence of heatmaps on the network, and their agreement."""

import copy
from itertools import combinations

import numpy as np
import pytest
import torch
from zennit.composites import LayerMapComposite
from zennit.rules import Flat, ZPlus
from zennit.types import Convolution, Linear

from conceptlrp.evaluation.heatmaps import (
    additivity_errors,
    cascade,
    channel_cosines,
    composite_agreement,
    conservation_of,
    empty_board_share,
    empty_square_share,
    mean_pair_cosine,
    path_to_output,
    policy_against_value,
    random_logit_cosine,
    symmetry_consistency,
    turned_sample,
)
from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.labelling.networks import randomize
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.lrp.probing import boards_of, explain_boards
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.othello import Corpus, legal_moves
from conceptlrp.statistics.estimates import cosine, estimate, rank_correlation
from tests.evaluation.conftest import AddingNetwork, added
from tests.lrp.conftest import randomize as used


def moves(sample: Sample) -> np.ndarray:
    return np.stack([sample.best, sample.other], axis=1)


def test_moves_that_rest_on_the_same_discs_have_one_picture(
    adding_sample: Sample,
) -> None:
    network = AddingNetwork()
    with torch.no_grad():
        # Some logits are negative: pictures of one kind must not seem to differ.
        factors = torch.where(torch.arange(65) % 2 == 0, 1.0, -2.0)
        network.policy.weight.copy_(factors[:, None] * network.policy.weight[:1])
    explainer = Explainer(network, composite="epsilon", dtype="float64")

    relevance = explain_boards(explainer, adding_sample.boards, moves(adding_sample))

    np.testing.assert_allclose(random_logit_cosine(relevance), 1, atol=1e-5)


def test_moves_that_rest_on_discs_of_their_own_have_pictures_as_unlike_as_weights(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    relevance = explain_boards(
        adding_explainer, adding_sample.boards, moves(adding_sample)
    )

    found = random_logit_cosine(relevance)

    best, other = (added(adding, adding_sample, t) for t in ("best", "other"))
    sign = np.sign(relevance.explained.prod(axis=1))
    np.testing.assert_allclose(found, sign * cosine(best, other), atol=1e-4)


def test_channels_of_two_sides_never_share_a_square(
    adding_explainer: Explainer, adding_sample: Sample
) -> None:
    relevance = explain_boards(
        adding_explainer, adding_sample.boards, adding_sample.best[:, None]
    )

    found = channel_cosines(adding_explainer, adding_sample, relevance)

    np.testing.assert_allclose(found["conv1"], 0, atol=1e-12)


def test_channels_are_those_with_most_relevance(
    explainer: Explainer, sample: Sample
) -> None:
    relevance = explain_boards(explainer, sample.boards, sample.best[:, None])
    every = np.tile(np.arange(4), (len(sample), 1))
    maps = explain_boards(
        explainer, sample.boards, sample.best[:, None], conditional={"conv2": every}
    ).conditional["conv2"][:, 0]

    found = channel_cosines(explainer, sample, relevance, n_channels=2)["conv2"]

    for n, r in enumerate(np.abs(relevance.channels["conv2"][:, 0])):
        one, other = maps[n, np.argsort(-r)[:2]].reshape(2, -1)
        assert found[n] == pytest.approx(abs(cosine(one, other)), abs=1e-9)


def test_the_mean_over_pairs_leaves_out_zero_maps() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 4, 9))
    maps[:, 3] = 0

    found = mean_pair_cosine(maps)

    pairs = [
        np.abs(cosine(maps[:, i], maps[:, j])) for i, j in combinations(range(3), 2)
    ]
    np.testing.assert_allclose(found, np.mean(pairs, axis=0))
    assert np.isnan(mean_pair_cosine(maps[:, 3:])).all()


def test_rules_that_need_input_draw_nothing_on_the_empty_board(
    explainer: Explainer, sample: Sample
) -> None:
    relevance = explain_boards(explainer, sample.boards, sample.best[:, None])

    share, mass = empty_board_share(explainer, sample, relevance)

    assert share.max() == mass.max() == 0


def test_the_empty_board_is_explained_for_the_same_move(
    network: OthelloNet, sample: Sample
) -> None:
    flat = Explainer(network, composite="epsilon-flat", dtype="float64")
    relevance = explain_boards(flat, sample.boards, sample.best[:, None])

    share, mass = empty_board_share(flat, sample, relevance)

    for n, action in enumerate(sample.best):
        empty = np.zeros((1, 8, 8), np.int8)
        base = explain_boards(flat, empty, [[action]]).heatmap.ravel()
        found = relevance.heatmap[n].ravel()
        assert share[n] == pytest.approx(cosine(base, found) ** 2)
        assert mass[n] == pytest.approx(np.abs(base).sum() / np.abs(found).sum())
    assert share.max() > 0


def test_the_share_of_empty_squares_is_theirs(sample: Sample) -> None:
    maps = np.where(sample.occupied, 1.0, -3.0)

    found = empty_square_share(sample, maps)

    discs = sample.occupied.sum(axis=1)
    np.testing.assert_allclose(found, 3 * (64 - discs) / (3 * (64 - discs) + discs))


def test_a_network_that_counts_discs_explains_turned_boards_alike(
    adding_sample: Sample,
) -> None:
    network = AddingNetwork()
    with torch.no_grad():
        sides = torch.tensor([1.0, 0.5])[None, :, None].expand(65, 2, 64)
        network.policy.weight.copy_(sides.reshape(65, 128))
    explainer = Explainer(network, composite="epsilon", dtype="float64")
    relevance = explain_boards(
        explainer, adding_sample.boards, adding_sample.best[:, None]
    )

    found = symmetry_consistency(explainer, adding_sample, relevance)

    np.testing.assert_allclose(found["symmetry_cosine"], 1, atol=1e-5)


def test_a_network_of_random_weights_does_not(
    explainer: Explainer, sample: Sample
) -> None:
    relevance = explain_boards(explainer, sample.boards, sample.best[:, None])

    found = symmetry_consistency(explainer, sample, relevance)

    assert found["symmetry_cosine"].mean() < 0.9
    assert found["symmetry_moves"].mean() < 0.9


def test_a_turned_sample_keeps_its_moves_on_the_turned_boards(sample: Sample) -> None:
    for s in range(8):
        turned = turned_sample(sample, s)

        rows = np.arange(len(sample))
        np.testing.assert_array_equal(turned.boards, boards_of(turned.corpus))
        assert turned.legal[rows, turned.best].all()
        assert turned.legal[rows, turned.other].all()
        counted = np.bitwise_count(
            legal_moves(turned.corpus.own, turned.corpus.opponent)
        )
        np.testing.assert_array_equal(turned.legal.sum(axis=1), counted)


def test_heads_that_add_alike_agree_and_opposed_ones_are_opposed(
    adding_sample: Sample,
) -> None:
    for factor in (2.0, -2.0):
        network = AddingNetwork()
        with torch.no_grad():
            network.policy.weight.copy_(network.value.weight.expand(65, -1))
            network.value.weight.mul_(factor)
        explainer = Explainer(network, composite="epsilon", dtype="float64")
        actions = np.stack(
            [adding_sample.actions(t) for t in ("best", "other", "value")], axis=1
        )

        found = policy_against_value(
            explain_boards(explainer, adding_sample.boards, actions)
        )

        # Both are explained as if their output were 1: opposed outputs rest alike.
        np.testing.assert_allclose(found["input"], 1, atol=1e-5)
        np.testing.assert_allclose(found["conv1"], 1, atol=1e-5)


def test_composites_are_compared_in_pairs() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 10))

    found = composite_agreement(
        {"a": maps, "b": 2 * maps, "c": -maps}, np.ones((5, 10), np.bool_)
    )

    assert [each.composite + each.other for each in found] == ["ab", "ac", "bc"]
    np.testing.assert_allclose([each.cosine for each in found], [1, -1, -1])
    np.testing.assert_allclose([each.rank_correlation for each in found], [1, -1, -1])


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
