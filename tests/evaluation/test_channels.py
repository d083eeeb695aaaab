"""Scores of channels beside what ablating each channel does."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from conceptlrp.ablation.sample import FeatureMaps, feature_maps
from conceptlrp.evaluation.faithfulness import (
    AGAINST,
    MATCHING,
    ablation_effects,
    activations,
    agreement,
    channel_relevance,
    overall_agreement,
)
from conceptlrp.evaluation.sample import Sample
from conceptlrp.evaluation.study import Study, channel_scores, prepare_study
from conceptlrp.lrp import Explainer
from conceptlrp.lrp._zennit import Flat, LayerMapComposite, Linear
from conceptlrp.lrp.baselines import ZERO, Baseline, mean_baseline
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.evaluation.conftest import AddingNetwork

TARGETS = ("best", "value")
RNG = np.random.default_rng(0)


def baselines(explainer: Explainer, sample: Sample) -> dict[str, Baseline]:
    """Return what each ablation puts in a channel's place."""
    (features, *_) = feature_maps(explainer, sample.corpus).values()
    donors = sample.corpus[features.donors]
    return {
        "zero": ZERO,
        "mean": mean_baseline(explainer, sample.corpus, n_positions=len(sample)),
        "donor": Baseline("donor", donors=donors, positions=len(donors)),
    }


@pytest.mark.parametrize("ablation", MATCHING)
def test_relevance_above_what_replaces_a_channel_is_its_effect_where_all_is_linear(
    adding_explainer: Explainer, adding_sample: Sample, ablation: str
) -> None:
    above = baselines(adding_explainer, adding_sample)

    found = channel_relevance(adding_explainer, adding_sample, above, TARGETS)

    for layer, features in feature_maps(adding_explainer, adding_sample.corpus).items():
        expected = ablation_effects(
            adding_explainer, adding_sample, features, ablation, TARGETS
        )
        np.testing.assert_allclose(
            found[MATCHING[ablation]][layer], expected, atol=1e-4
        )


@pytest.mark.parametrize("ablation", AGAINST)
def test_effects_are_those_of_one_channel_after_the_other(
    network: OthelloNet, explainer: Explainer, sample: Sample, ablation: str
) -> None:
    features = feature_maps(explainer, sample.corpus)["conv2"]

    found = ablation_effects(explainer, sample, features, ablation, TARGETS)

    planes = torch.from_numpy(sample.boards[:, None]).double()
    changed = features.replacement(ablation)
    module = explainer.network.get_submodule("relu2")
    for channel in range(found.shape[2]):

        def replace(_module, _inputs, output, channel=channel):
            output = output.clone()
            output[:, channel] = torch.from_numpy(changed[:, channel])
            return output

        handle = module.register_forward_hook(replace)
        logits, value = explainer.network(planes)
        handle.remove()
        after = logits.numpy()[np.arange(len(sample)), sample.best]
        before = sample.outputs.of(sample.best)
        np.testing.assert_allclose(found[:, 0, channel], before - after, atol=1e-9)
        lost = sample.outputs.value - value.numpy()[:, 0]
        np.testing.assert_allclose(found[:, 1, channel], lost, atol=1e-9)


def test_an_activation_is_measured_from_what_replaces_it() -> None:
    maps = np.arange(12.0).reshape(3, 2, 1, 2)
    features = FeatureMaps("conv1", maps, np.array([1, 2, 0]), mean=np.ones((2, 1, 2)))

    found = activations(features, 2)

    summed = maps.sum(axis=(2, 3))
    assert found["zero"].shape == (3, 2, 2)
    np.testing.assert_array_equal(found["zero"][:, 1], summed)
    np.testing.assert_array_equal(found["mean"][:, 0], summed - 2)
    np.testing.assert_array_equal(found["donor"][:, 0], summed - summed[[1, 2, 0]])


@pytest.mark.parametrize("signed", [True, False])
def test_agreement_is_spearmans_at_each_position_and_of_means(signed: bool) -> None:
    score, effect = RNG.normal(size=(2, 30, 8))
    effect += score
    games = np.arange(30) // 3

    found = agreement(score, effect, signed=signed)
    overall = overall_agreement(score, effect, games, signed=signed)

    pair = (score, effect) if signed else (np.abs(score), np.abs(effect))
    expected = [spearmanr(*rows).statistic for rows in zip(*pair, strict=True)]
    np.testing.assert_allclose(found, expected)
    of_means = spearmanr(*(each.mean(axis=0) for each in pair)).statistic
    assert overall.mean == pytest.approx(of_means)
    assert overall.low <= overall.mean <= overall.high
    assert overall.n == 30


@pytest.fixture(scope="module")
def study(games: Corpus) -> Study:
    return prepare_study(AddingNetwork(), games, None, 8, 2, 0, ZERO)


def test_a_study_takes_the_mean_of_a_baseline_that_it_is_given(
    adding: AddingNetwork, games: Corpus
) -> None:
    given = Baseline("mean", {"conv1": np.full((2, 8, 8), 3.0)}, positions=9)

    study = prepare_study(adding, games, None, 8, 2, 0, given)

    assert study.baselines["mean"] is given
    assert (study.features["conv1"].replacement("mean") == 3).all()


def test_relevance_that_no_baseline_can_be_taken_from_is_plain(study: Study) -> None:
    flat = Explainer(AddingNetwork(), composite=LayerMapComposite([(Linear, Flat())]))

    assert set(channel_scores(study, study.base)) == {"zero", "mean", "donor"}
    assert set(channel_scores(study, flat)) == {"zero"}
