"""Discs are taken away in the order of scores."""

import numpy as np
import pytest
import torch

from conceptlrp.ablation.feature_maps import (
    ABLATIONS,
    feature_maps,
    same_ply_donors,
)
from conceptlrp.evaluation.deletion import (
    PERTURBATIONS,
    delete_channels,
    delete_squares,
    step_counts,
)
from conceptlrp.evaluation.orders import (
    occlusion,
    places,
    same_class_scores,
    start_sign,
)
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask, best_actions, explain_boards, planes_of
from tests.evaluation.conftest import AddingNetwork, added


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_curves_are_those_of_one_board_after_the_other(
    explainer: Explainer, sample: Sample, perturbation: str
) -> None:
    scores = np.random.default_rng(0).normal(size=sample.discs.shape)

    found = delete_squares(
        explainer, sample, scores, perturbation=perturbation, steps=3
    )

    donors = same_ply_donors(sample.corpus)
    for n in range(len(sample)):
        discs = np.flatnonzero(sample.occupied[n])
        order = discs[np.argsort(-scores[n, discs])]
        for curve, taken in (
            (found.most_first, order),
            (found.least_first, order[::-1]),
        ):
            board = sample.discs[n].copy()
            for k in range(3):
                square = taken[k]
                board[square] = {
                    "empty": 0,
                    "flip": -board[square],
                    "swap": sample.discs[donors[n], square],
                }[perturbation]
                logits = ask(explainer, board.reshape(1, 8, 8)).logits[0]
                assert curve[n, k] == pytest.approx(logits[sample.best[n]], abs=1e-9)
                if curve is found.most_first:
                    best = best_actions(logits, sample.legal[n])
                    assert found.changed[n, k] == (best != sample.best[n])


@pytest.mark.parametrize("target", ["best", "value"])
def test_relevance_of_an_adding_network_falls_as_fast_as_any_order(
    adding: AddingNetwork,
    adding_explainer: Explainer,
    adding_sample: Sample,
    target: str,
) -> None:
    actions = adding_sample.actions(target)[:, None]
    relevance = explain_boards(adding_explainer, adding_sample.boards, actions)
    sign = start_sign(adding_sample, target)[:, None]
    scores = sign * relevance.heatmap[:, 0].reshape(len(actions), -1)

    found = delete_squares(adding_explainer, adding_sample, scores, target=target)

    truth = sign * added(adding, adding_sample, target)
    np.testing.assert_allclose(scores, truth, atol=1e-4)
    for n, discs in enumerate(adding_sample.occupied):
        sums = np.cumsum(np.sort(truth[n, discs])[::-1])
        sums = np.pad(sums, (0, 12), mode="edge")[:12]
        np.testing.assert_allclose(found.fall[n], sums, atol=1e-4)
    assert (found.start >= 0).all() or target == "best"


def test_a_flipped_disc_counts_for_the_other_side(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    scores = added(adding, adding_sample, "best")

    found = delete_squares(
        adding_explainer, adding_sample, scores, perturbation="flip", steps=1
    )

    first = places(scores, adding_sample.occupied).argmin(axis=1)
    rows = np.arange(len(first))
    weight = adding.policy.weight.detach().numpy().reshape(-1, 2, 64)
    sides = (adding_sample.discs[rows, first] > 0).astype(int)
    turned = weight[adding_sample.best, sides, first]
    np.testing.assert_allclose(
        found.fall[:, 0], scores[rows, first] - turned, atol=1e-5
    )


def test_occlusion_is_what_a_disc_adds(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    found = occlusion(adding_explainer, adding_sample)

    np.testing.assert_allclose(found, added(adding, adding_sample, "best"), atol=1e-5)


def test_relevance_gains_more_than_the_same_classes_by_chance(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    scores = added(adding, adding_sample, "best")
    chance = same_class_scores(adding_sample, scores)

    gains = [
        delete_squares(adding_explainer, adding_sample, each).gain
        for each in (scores, chance)
    ]

    assert (gains[0] >= gains[1] - 1e-6).all()
    assert gains[0].mean() > 2 * gains[1].mean()


def test_the_gain_of_a_reversed_order_is_the_negative(
    explainer: Explainer, sample: Sample
) -> None:
    scores = np.random.default_rng(1).normal(size=sample.discs.shape)

    gains = [delete_squares(explainer, sample, s * scores).gain for s in (1, -1)]

    np.testing.assert_allclose(gains[0], -gains[1])


def test_an_unknown_perturbation_is_refused(
    explainer: Explainer, sample: Sample
) -> None:
    with pytest.raises(ValueError, match="'blur', expected one of empty, flip, swap"):
        delete_squares(explainer, sample, sample.discs, perturbation="blur")


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_curves_of_channels_are_those_of_hooks_that_ablate_one_position_at_a_time(
    explainer: Explainer, sample: Sample, layer: str, ablation: str
) -> None:
    features = feature_maps(explainer, sample.corpus)[layer]
    scores = np.random.default_rng(0).normal(size=features.activation.shape)

    found = delete_channels(explainer, sample, features, scores, ablation=ablation)

    maps = features.maps
    mean = maps.mean(axis=0)
    assert found.steps == (1, 2, 3)
    for n in range(len(sample)):
        other = {"zero": 0 * mean, "mean": mean, "resample": maps[features.donors[n]]}
        order = np.argsort(-scores[n])
        for k in found.steps:
            for curve, gone in (
                (found.most_first, order[:k]),
                (found.least_first, order[::-1][:k]),
            ):
                ablated = maps[n].copy()
                ablated[gone] = other[ablation][gone]
                logits = by_hook(explainer, sample, n, layer, ablated)
                at = found.steps.index(k)
                assert curve[n, at] == pytest.approx(logits[sample.best[n]], abs=1e-9)
                if curve is found.most_first:
                    best = best_actions(logits, sample.legal[n])
                    assert found.changed[n, at] == (best != sample.best[n])


def by_hook(
    explainer: Explainer, sample: Sample, n: int, layer: str, ablated: np.ndarray
) -> np.ndarray:
    """Return the logits of a position, the feature map of a layer being replaced."""
    module = explainer.network.get_submodule(explainer.taps[layer])
    value = torch.from_numpy(ablated)[None]
    handle = module.register_forward_hook(lambda *_: value)
    try:
        logits = explainer.network(planes_of(explainer, sample.boards[n : n + 1]))[0]
    finally:
        handle.remove()
    return logits[0].numpy()


def test_a_channel_of_an_adding_network_takes_its_relevance_along(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    features = feature_maps(adding_explainer, adding_sample.corpus)["conv1"]
    relevance = explain_boards(
        adding_explainer, adding_sample.boards, adding_sample.best[:, None]
    ).channels["conv1"][:, 0]

    found = delete_channels(adding_explainer, adding_sample, features, relevance)

    both = added(adding, adding_sample, "best")
    sides = np.stack(
        [(both * (adding_sample.discs == side)).sum(axis=1) for side in (1, -1)], axis=1
    )
    np.testing.assert_allclose(relevance, sides, atol=1e-4)
    np.testing.assert_allclose(found.fall[:, 0], sides.max(axis=1), atol=1e-4)
    np.testing.assert_allclose(
        found.gain, sides.max(axis=1) - sides.min(axis=1), atol=1e-4
    )


def test_steps_never_take_every_channel() -> None:
    assert step_counts(512, 12)[-1] == 473
    assert step_counts(2, 12) == (1,)


def test_an_unknown_ablation_is_refused(explainer: Explainer, sample: Sample) -> None:
    features = feature_maps(explainer, sample.corpus)["conv1"]

    with pytest.raises(ValueError, match="'noise', expected one of zero, mean"):
        delete_channels(
            explainer, sample, features, features.activation, ablation="noise"
        )
