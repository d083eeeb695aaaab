"""Planted channels are found again."""

from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.lrp import Explainer
from conceptlrp.othello import Corpus
from tests.evaluation.planted_truth import planted_scores, reference_precision
from tests.planted.network import PlantedNetwork, planted_network


@pytest.fixture(scope="module")
def planted() -> PlantedNetwork:
    return planted_network(distractors=3)


@pytest.fixture(scope="module")
def epsilon(planted: PlantedNetwork) -> Explainer:
    return Explainer(planted.network, composite="epsilon")


@pytest.fixture(scope="module")
def positions(epsilon: Explainer, games: Corpus) -> Sample:
    return draw_sample(epsilon, games, n_positions=200)


def test_references_and_heatmaps_are_those_of_the_pattern(
    planted: PlantedNetwork, epsilon: Explainer, positions: Sample
) -> None:
    found = planted_scores(planted, epsilon, positions)

    shown = [score for score in found if score.positions]
    assert len(shown) >= 3
    assert all(score.precision == 1.0 for score in shown)
    assert all(score.mass >= 0.99 for score in shown)


def test_flat_rules_smear_a_heatmap_over_its_neighbours(
    planted: PlantedNetwork, positions: Sample
) -> None:
    flat = Explainer(planted.network, composite="epsilon-flat")

    found = planted_scores(planted, flat, positions)

    assert all(score.mass < 0.7 for score in found if score.positions)


def test_a_channel_that_detects_something_else_is_found_out(
    planted: PlantedNetwork, epsilon: Explainer, positions: Sample
) -> None:
    corner, line = planted.detectors[:2]
    swapped = replace(corner, channel=line.channel)

    (found,) = planted_scores(
        replace(planted, detectors=(swapped,)), epsilon, positions
    )

    assert found.positions > 0
    assert found.precision < 0.7
    assert found.to_dict()["pattern"] == "own corner"


def test_precision_counts_no_more_references_than_can_be_right() -> None:
    scores = np.array([3.0, 2.0, 1.0, 0.0])

    assert reference_precision(scores, np.array([1, 0, 0, 0], bool), 16) == 1.0
    assert reference_precision(scores, np.array([0, 1, 1, 0], bool), 2) == 0.5
    assert np.isnan(reference_precision(scores, np.zeros(4, bool), 2))
