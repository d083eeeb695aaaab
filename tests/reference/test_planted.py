"""References of planted detectors show what they detect, and their maps lie on it."""

from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.lrp import Explainer
from conceptlrp.networks.planes import bits
from conceptlrp.reference import conditional_maps, reference_boards
from tests.lrp.conftest import random_corpus
from tests.networks.boards import boards_with, random_boards
from tests.planted.network import planted_network
from tests.reference.conftest import FakeStore

PLANTED = planted_network(distractors=6)
BY_VALUE = [d for d in PLANTED.detectors if d.pattern.move is None]


def store_with(detector, explainer):
    """Return 240 boards, the pattern laid down on 60 of them, and their relevance."""
    corpus = random_corpus(6).sample(240, seed=1)
    own, opponent = random_boards(len(corpus), seed=5)
    own[::4], opponent[::4] = boards_with(detector.pattern, 60, seed=6)
    positions = replace(corpus, own=own, opponent=opponent, game=np.arange(240) % 6)
    summary = explainer.summarize(positions, targets=["value"])
    return FakeStore(positions, summary.relevance[detector.layer][:, 0])


@pytest.mark.parametrize("by", ["share", "relevance", "absolute", "activation"])
@pytest.mark.parametrize("detector", BY_VALUE, ids=lambda d: d.pattern.name)
def test_all_references_of_a_detector_show_its_pattern(detector, by):
    explainer = Explainer(PLANTED.network, composite="epsilon", dtype="float64")
    store = store_with(detector, explainer)

    found = reference_boards(
        store, detector.layer, detector.channel, 16, by=by, one_per_game=False
    )

    boards = store.positions[found.rows]
    assert detector.pattern.fires(boards.own, boards.opponent).all()
    maps = np.abs(
        conditional_maps(
            explainer, boards, detector.layer, detector.channel, target="value"
        )
    )
    words = detector.pattern.squares(boards.own, boards.opponent)
    on_pattern = bits(words).reshape(-1, 8, 8).astype(bool)
    assert (maps.sum((1, 2), where=on_pattern) >= 0.99 * maps.sum((1, 2))).all()


def test_most_random_boards_do_not_show_the_pattern():
    detector = BY_VALUE[0]
    explainer = Explainer(PLANTED.network, composite="epsilon", dtype="float64")
    boards = store_with(detector, explainer).positions

    shown = detector.pattern.fires(boards.own, boards.opponent)

    assert 60 <= shown.sum() < 200
