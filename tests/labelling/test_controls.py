"""Positions exchanged within a ply keep all but what they have to do with labels."""

import numpy as np
import pytest

from conceptlrp.labelling import LabelCriteria
from conceptlrp.labelling.controls import detector_power, exchange_positions
from conceptlrp.labelling.result import ScoredLabels
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import Labels, label_boards
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards
from tests.othello.playouts import random_games

QUICK = LabelCriteria(permutations=40)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(60, seed=31)).sample(600, seed=0)


def test_whole_rows_change_places_within_their_ply():
    plies = np.arange(200) % 7
    table = np.stack([np.arange(200), np.arange(200) + 1000], axis=1)

    found = exchange_positions(table, plies, seed=3)

    assert (found[:, 1] == found[:, 0] + 1000).all()
    assert (found[:, 0] % 7 == plies).all()
    assert sorted(found[:, 0]) == list(range(200))
    assert (found[:, 0] != table[:, 0]).mean() > 0.8


def test_maps_stay_whole_and_are_turned():
    maps = np.zeros((400, 2, 8, 8))
    maps[:, 0, 0, 1] = maps[:, 1, 0, 1] = np.arange(400) + 1

    found = exchange_positions(maps, np.zeros(400, np.intp), seed=0)

    # Both channels of a position still agree, on the eight squares of one class.
    assert (found[:, 0] == found[:, 1]).all()
    places = {tuple(np.argwhere(board)[0]) for board in found[:, 0]}
    assert len(places) == 8
    assert sorted(found.sum(axis=(1, 2, 3)) / 2) == list(range(1, 401))


def test_maps_that_lie_on_a_label_lose_it_with_their_positions(corpus: Corpus):
    labels = label_boards(corpus, ["own discs", "own frontier", "own interior"])
    boards = to_boards(corpus.own, corpus.opponent)
    noise = np.random.default_rng(1).normal(size=(len(corpus), 2, 8, 8))
    # One map lies on own discs, the other on the upper left where most games begin.
    maps = 0.2 * noise + np.stack([boards == 1, np.zeros_like(boards)], axis=1)
    maps[:, 1, :4, :4] += 1
    comparison = Comparison(
        labels=Labels({}, labels.square, {}),
        games=np.unique(corpus.game, return_inverse=True)[1],
        plies=corpus.ply.astype(np.intp),
        criteria=QUICK,
    )

    trained, exchanged = comparison.score([{"map": maps}], exchanges=1)

    assert trained.channels[0].labels
    assert not any(channel.labels for channel in exchanged.channels)
    assert np.nanmax(np.abs(exchanged.effect["map"])) < 0.15


def test_an_exchanged_network_is_no_random_one(corpus: Corpus):
    labels = label_boards(corpus)
    mobility = labels.position["mobility"].astype(float)[:, None]
    comparison = Comparison(
        labels=labels,
        games=np.unique(corpus.game, return_inverse=True)[1],
        plies=corpus.ply.astype(np.intp),
        criteria=QUICK,
    )
    noise = [
        {"value": np.random.default_rng(s).normal(size=mobility.shape)} for s in (1, 2)
    ]

    alone = comparison.score([{"value": mobility}, *noise])
    beside = comparison.score([{"value": mobility}, *noise], exchanges=1)

    assert len(beside) == 4
    for before, after in zip(alone, [beside[0], *beside[2:]], strict=True):
        np.testing.assert_array_equal(before.random["value"], after.random["value"])


@pytest.mark.parametrize(("games", "least", "most"), [(60, 0.1, 0.78), (600, 0.9, 1)])
def test_few_games_have_little_power_and_say_so(games: int, least: float, most: float):
    corpus = Corpus.from_games(random_games(games, seed=5))
    corpus = corpus.sample(min(10 * games, 3000), seed=0)
    comparison = Comparison(
        labels=label_boards(corpus),
        games=np.unique(corpus.game, return_inverse=True)[1],
        plies=corpus.ply.astype(np.intp),
        criteria=LabelCriteria(permutations=20),
    )
    noise = np.random.default_rng(0).normal(size=(2, len(corpus), 4))
    scores = comparison.score([{"activation": each} for each in noise], scored=1)

    power = detector_power(comparison.of_values, scores)

    about = {"layers": {"x": scores[0]}, "random_labelled": {"x": 0.0}, "controls": ()}
    found = ScoredLabels("best", len(corpus), 0, 1, 0, **about, power=power)
    assert least < power <= most
    assert found.power_note.startswith("Labels have little power: ") == (games == 60)
    assert found.to_dict()["power_note"] == found.power_note
