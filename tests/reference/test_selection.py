"""Chosen positions equal those of a search that goes through all of them."""

import numpy as np
import pytest

from conceptlrp.othello import Corpus
from conceptlrp.othello.symmetry import turn
from conceptlrp.reference import strips
from conceptlrp.reference.strips import board_distances, diverse_rows, quantile_rows
from tests.othello.playouts import random_games


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(8, seed=6)).turn(seed=1)


def distance(corpus: Corpus, one: int, other: int) -> int:
    own, opponent = int(corpus.own[one]), int(corpus.opponent[one])
    found = []
    for s in range(8):
        mine, theirs = turn([own, opponent], s)
        differing = (mine ^ corpus.own[other]) | (theirs ^ corpus.opponent[other])
        found.append(int(differing).bit_count())
    return min(found)


def greedy(scores, corpus, k, *, lowest, games, min_distance):
    """Go through all positions in order and compare each with all that are taken."""
    taken = []
    keys = scores if lowest else -scores
    for row in np.argsort(keys, kind="stable").tolist():
        if len(taken) == k:
            break
        same_game = games and any(corpus.game[row] == corpus.game[t] for t in taken)
        near = any(distance(corpus, t, row) < min_distance for t in taken)
        if not same_game and not near:
            taken.append(row)
    return taken


@pytest.mark.parametrize("min_distance", [0, 1, 12])
@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("games", [False, True])
@pytest.mark.parametrize("block", [3, 8192])
def test_diverse_rows_equal_a_greedy_search_through_all(
    corpus, games, lowest, min_distance, block, monkeypatch
):
    scores = np.random.default_rng(0).integers(0, 9, len(corpus)).astype(float)
    monkeypatch.setattr(strips, "_BLOCK", block)

    found = diverse_rows(
        scores,
        20,
        lowest=lowest,
        games=corpus.game if games else None,
        boards=(corpus.own, corpus.opponent),
        min_distance=min_distance,
    )

    expected = greedy(
        scores, corpus, 20, lowest=lowest, games=games, min_distance=min_distance
    )
    assert found.rows.tolist() == expected
    assert found.scores.tolist() == scores[expected].tolist()


def test_only_the_best_candidates_are_looked_at(monkeypatch):
    scores = np.arange(100_000.0)
    looked = []
    top_rows = strips.top_rows
    monkeypatch.setattr(
        strips,
        "top_rows",
        lambda s, n, **options: looked.append(n) or top_rows(s, n, **options),
    )

    diverse_rows(scores, 16, games=np.arange(100_000) // 2)

    assert looked == [64]


def test_boards_equal_up_to_symmetry_are_taken_once(corpus):
    turned = corpus.turned_by(np.arange(len(corpus)) % 8)
    both = Corpus.concatenate([corpus[5:6]] + [turned[5:6]] * 3 + [corpus[9:10]])

    found = diverse_rows(
        np.zeros(5), 5, boards=(both.own, both.opponent), min_distance=1
    )

    assert found.rows.tolist() == [0, 4]


def test_a_distance_is_that_of_the_best_turning(corpus):
    one = (int(corpus.own[40]), int(corpus.opponent[40]))

    found = board_distances(one, (corpus.own, corpus.opponent))

    assert found.tolist() == [distance(corpus, 40, n) for n in range(len(corpus))]
    assert found[40] == 0


def test_quantiles_stand_at_even_ranks_and_ties_go_by_row():
    scores = np.array([2.0, 0.0, 2.0, 1.0, 2.0])

    found = quantile_rows(scores, [1.0, 0.75, 0.5, 0.25, 0.0])

    assert found.rows.tolist() == [4, 2, 0, 3, 1]
    assert found.scores.tolist() == [2, 2, 2, 1, 0]


def test_no_positions_have_no_quantiles():
    assert len(quantile_rows(np.empty(0), [0.0, 1.0])) == 0


def test_what_makes_no_sense_is_refused(corpus):
    with pytest.raises(ValueError, match=r"min_distance is -1, expected 0 or more"):
        diverse_rows(np.zeros(2), 1, min_distance=-1)
    with pytest.raises(ValueError, match=r"min_distance is 3, .* and boards for it"):
        diverse_rows(np.zeros(2), 1, min_distance=3)
    with pytest.raises(ValueError, match=r"quantiles run from 0.5 to 1.5, expected 0"):
        quantile_rows(np.zeros(2), [0.5, 1.5])
    with pytest.raises(ValueError, match="the best -2 positions"):
        diverse_rows(np.zeros(2), -2)
