"""Turned boards, the two heads, one composite and another."""

import numpy as np
import torch

from conceptlrp.evaluation.agreement import (
    composite_agreement,
    policy_against_value,
    symmetry_consistency,
    turned_sample,
)
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask, boards_of, explain_boards
from conceptlrp.othello import legal_moves
from tests.evaluation.conftest import AddingNetwork


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

    np.testing.assert_allclose(found.heatmaps, 1, atol=1e-5)
    before = adding_sample.outputs.of(adding_sample.best)
    after = ask(explainer, adding_sample.boards).of(adding_sample.best)
    np.testing.assert_allclose(found.outputs, np.abs(before - after), atol=1e-5)


def test_a_network_of_random_weights_does_not(
    explainer: Explainer, sample: Sample
) -> None:
    relevance = explain_boards(explainer, sample.boards, sample.best[:, None])

    found = symmetry_consistency(explainer, sample, relevance)

    assert found.heatmaps.mean() < 0.9
    assert found.moves.mean() < 0.9


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
