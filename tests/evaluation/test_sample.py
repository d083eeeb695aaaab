"""Positions that are drawn, and the moves that are explained at them."""

from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.lrp import Explainer
from conceptlrp.networks import predict
from conceptlrp.networks.architectures import OthelloNet
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import Corpus


def test_moves_are_the_best_and_another_legal_one(
    sample: Sample, network: OthelloNet
) -> None:
    corpus = sample.corpus
    best = predict(network, corpus.own, corpus.opponent).best

    rows = np.arange(len(sample))
    np.testing.assert_array_equal(squares_of_actions(sample.best), best)
    assert sample.legal[rows, sample.other].all()
    assert (sample.other != sample.best).all()


def test_positions_have_two_legal_moves_and_come_once(sample: Sample) -> None:
    assert (np.bitwise_count(sample.corpus.legal) > 1).all()
    keys = zip(sample.corpus.game, sample.corpus.ply, strict=True)
    assert len(set(keys)) == len(sample) == 12


def test_the_first_positions_of_a_sample_are_its_own(sample: Sample) -> None:
    few = sample.take(5)

    np.testing.assert_array_equal(few.boards, sample.boards[:5])
    np.testing.assert_array_equal(few.outputs.value, sample.outputs.value[:5])
    np.testing.assert_array_equal(few.corpus.own, sample.corpus.own[:5])


def test_positions_without_a_choice_are_refused(
    explainer: Explainer, games: Corpus
) -> None:
    full = replace(games[:3], own=np.full(3, 2**64 - 1, np.uint64))

    with pytest.raises(ValueError, match="0 of 3 positions have two legal moves"):
        draw_sample(explainer, full)
