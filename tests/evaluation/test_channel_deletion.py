"""Channels are ablated in the order of scores."""

import numpy as np
import pytest
import torch

from conceptlrp.ablation.feature_maps import ABLATIONS, feature_maps, run_from
from conceptlrp.evaluation.deletion import delete_channels, step_counts
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask, best_actions, explain_boards, planes_of
from tests.evaluation.conftest import AddingNetwork, added


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_curves_are_those_of_hooks_that_ablate_one_position_at_a_time(
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


def test_feature_maps_as_they_were_change_nothing(
    explainer: Explainer, sample: Sample
) -> None:
    features = feature_maps(explainer, sample.corpus)["conv2"]
    twice = np.repeat(features.maps[:, None], 2, axis=1)

    found = run_from(explainer, sample.boards, "conv2", twice)

    expected = ask(explainer, sample.boards)
    np.testing.assert_allclose(found.logits, np.repeat(expected.logits, 2, 0))
    np.testing.assert_allclose(found.value, np.repeat(expected.value, 2, 0))


def test_steps_never_take_every_channel() -> None:
    assert step_counts(512, 12)[-1] == 473
    assert step_counts(2, 12) == (1,)


def test_an_unknown_ablation_is_refused(explainer: Explainer, sample: Sample) -> None:
    features = feature_maps(explainer, sample.corpus)["conv1"]

    with pytest.raises(ValueError, match="'noise', expected one of zero, mean"):
        delete_channels(
            explainer, sample, features, features.activation, ablation="noise"
        )
