"""Planted labels are found again, and networks with random weights have none."""

import numpy as np
import pytest

from conceptlrp.labelling import LabelCriteria, LabelScores, score_channels
from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.labelling.controls import exchange_positions
from conceptlrp.labelling.result import channel_name
from tests.labelling.planted import Planted, make_planted

LAYERS = ("conv2", "conv3")
DISTRACTORS = 8


@pytest.fixture(scope="module")
def planted() -> Planted:
    return make_planted(games=300, positions=1800, distractors=DISTRACTORS)


@pytest.fixture(scope="module")
def scores(planted: Planted) -> dict[str, LabelScores]:
    return {
        layer: scored(planted, planted.trained, planted.random, layer)
        for layer in LAYERS
    }


def scored(planted, trained, random, layer) -> LabelScores:
    return score_channels(
        trained[layer],
        [network[layer] for network in random],
        planted.labels,
        planted.corpus.game,
        planted.plies,
        criteria=LabelCriteria(permutations=100, games=10),
    )


def labels_of(scores: LabelScores) -> list[str]:
    return [channel_name(each).label or UNNAMED for each in scores.channels]


def test_planted_labels_are_recalled(planted: Planted, scores: dict[str, LabelScores]):
    expected = {
        (d.layer, d.channel): f"planted: {d.pattern.name}"
        for d in planted.network.detectors
    }

    found = {at: labels_of(scores[at[0]])[at[1]] for at in expected}

    recalled = [at for at, name in expected.items() if found[at] == name]
    assert len(recalled) / len(expected) >= 0.95


def test_a_planted_label_comes_first_with_an_auroc_near_one(planted: Planted, scores):
    for detector in planted.network.detectors:
        best = scores[detector.layer].channels[detector.channel].labels[0]
        assert best.label == f"planted: {detector.pattern.name}"
        assert best.measure == "activation"
        assert best.auroc >= 0.99


def test_few_names_are_false(planted: Planted, scores: dict[str, LabelScores]):
    """Distractors and silent channels have no name to be found."""
    known = {(d.layer, d.channel): d.pattern.name for d in planted.network.detectors}
    named = false = 0
    for layer, found in scores.items():
        for channel, name in enumerate(labels_of(found)):
            true = known.get((layer, channel))
            planted_here = channel < planted.network.planted[layer]
            if name == UNNAMED or (planted_here and true is None):
                # A piece or a carrier of a pattern may well be named after it.
                continue
            named += 1
            false += name != f"planted: {true}"

    assert named >= len(known)
    assert false / named <= 0.05


def test_a_carrier_is_named_after_the_pattern_that_it_carries(planted, scores):
    for detector in planted.network.detectors:
        for channel in detector.carriers.get("conv3", ()):
            name = labels_of(scores["conv3"])[channel]
            assert name in (UNNAMED, f"planted: {detector.pattern.name}")


@pytest.mark.parametrize("layer", LAYERS)
def test_channels_of_a_network_with_random_weights_are_hardly_ever_labelled(
    planted: Planted, layer: str
):
    labelled = []
    for left_out, network in enumerate(planted.random):
        others = [n for i, n in enumerate(planted.random) if i != left_out]
        labelled.append(scored(planted, network, others, layer).labelled)

    assert np.mean(labelled) <= 0.05


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_is_labelled_once_positions_are_exchanged_within_plies(
    planted: Planted, scores: dict[str, LabelScores], layer: str
):
    plies = planted.plies.astype(np.intp)
    # All channels once for each of five seeds.
    tables = {
        measure: np.concatenate(
            [exchange_positions(table, plies, seed=seed) for seed in range(5)], axis=1
        )
        for measure, table in planted.trained[layer].items()
    }

    found = scored(planted, {layer: tables}, planted.random, layer)

    assert len(found.channels) == 5 * len(scores[layer].channels)
    assert scores[layer].labelled > 0.1
    assert found.labelled == 0
