"""Conditional heatmaps of planted detectors lie on the patterns they detect."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from conceptlrp.lrp import Attribution, Explainer
from conceptlrp.networks.planes import bits
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus
from tests.networks.boards import boards_with
from tests.planted.network import (
    DEFAULT_PATTERNS,
    Detector,
    PlantedNetwork,
    planted_network,
)
from tests.planted.patterns import Pattern

N = 64
PATTERNS = (
    *DEFAULT_PATTERNS,
    Pattern(
        "long line",
        (".....", ".....", "XOOO*", ".....", "....."),
        "three opponent discs in a rank can be turned",
    ),
    Pattern(
        "spread",
        ("X.....O", ".......", "..-....", "...X...", ".......", ".O.....", "......X"),
        "discs far apart",
        weight=-2.0,
    ),
)


@pytest.fixture(scope="module")
def planted() -> PlantedNetwork:
    """Return detectors among channels that read everything and add to every output."""
    return planted_network(PATTERNS, distractors=6)


@pytest.fixture(scope="module")
def games() -> Corpus:
    """Return positions whose boards the tests replace."""
    return random_corpus(3).sample(N)


def positions_with(pattern: Pattern, games: Corpus) -> Corpus:
    """Return positions that show a pattern, and where its move was played."""
    own, opponent = boards_with(pattern, len(games))
    played = pattern.moves(own, opponent)
    return replace(games, own=own, opponent=opponent, played=played)


def explain(
    planted: PlantedNetwork, detector: Detector, games: Corpus, composite: str
) -> tuple[Attribution, NDArray[np.bool_]]:
    """Explain the output that reads a detector; give the pattern's squares too."""
    pattern = detector.pattern
    positions = positions_with(pattern, games)
    explainer = Explainer(planted.network, composite=composite, dtype="float64")
    target = "value" if pattern.move is None else "played"
    channels = {detector.layer: [detector.channel], **detector.carriers}
    explained = explainer.attribute(positions, targets=[target], conditional=channels)
    squares = [
        pattern.squares(own, opponent, move=None if target == "value" else int(move))
        for own, opponent, move in zip(
            positions.own, positions.opponent, positions.played, strict=True
        )
    ]
    on_pattern = bits(np.concatenate(squares)).reshape(-1, 8, 8).astype(bool)
    return explained, on_pattern


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-plus"])
@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_a_planted_channel_is_explained_by_the_squares_of_its_pattern(
    number: int, composite: str, planted: PlantedNetwork, games: Corpus
) -> None:
    detector = planted.detectors[number]

    explained, on_pattern = explain(planted, detector, games, composite)

    maps = np.abs(explained.conditional[detector.layer][:, 0, 0])
    assert maps.sum((1, 2)).min() > 0.3
    assert (maps.sum((1, 2), where=on_pattern) / maps.sum((1, 2))).min() >= 0.99


@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_carriers_of_a_planted_channel_are_explained_by_the_same_squares(
    number: int, planted: PlantedNetwork, games: Corpus
) -> None:
    detector = planted.detectors[number]

    explained, on_pattern = explain(planted, detector, games, "epsilon")

    whole = explained.conditional[detector.layer][:, 0, 0]
    for layer in detector.carriers:
        carried = explained.conditional[layer][:, 0].sum(1)
        np.testing.assert_allclose(carried, whole, atol=1e-9)
        assert np.abs(carried)[~on_pattern].max() < 1e-9


def test_the_full_heatmap_of_a_network_with_distractors_lies_elsewhere_too(
    planted: PlantedNetwork, games: Corpus
) -> None:
    explained, on_pattern = explain(planted, planted.detectors[1], games, "epsilon")

    heatmap = np.abs(explained.heatmap[:, 0])

    share = heatmap.sum((1, 2), where=on_pattern) / heatmap.sum((1, 2))
    assert np.median(share) < 0.9


def test_a_detector_has_relevance_for_the_outputs_that_read_it_alone(
    planted: PlantedNetwork, games: Corpus
) -> None:
    corner, line = planted.detectors[:2]

    for detector, other in ((corner, line), (line, corner)):
        explained, _ = explain(planted, detector, games, "epsilon")
        found = explained.channel_relevance["conv2"][:, 0]

        assert np.abs(found[:, detector.channel]).min() > 0.5
        assert np.abs(found[:, other.channel]).max() < 1e-9
