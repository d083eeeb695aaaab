"""Discs that make a move legal, and relevance on them."""

import numpy as np
import pytest

from conceptlrp.evaluation.flip_lines import flip_lines, score_flip_lines
from conceptlrp.evaluation.sample import Sample
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import Corpus, flips
from conceptlrp.othello.board import squares
from tests.lrp.conftest import random_corpus


def walked(own: int, opponent: int, square: int) -> set[int]:
    """Walk from a move along every line until it is bracketed."""
    found: set[int] = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            line, row, column = [], square // 8 + down, square % 8 + right
            while (down or right) and 0 <= row < 8 and 0 <= column < 8:
                line.append(8 * row + column)
                if not opponent >> line[-1] & 1:
                    break
                row, column = row + down, column + right
            if len(line) > 1 and own >> line[-1] & 1:
                found.update(line)
    return found


@pytest.mark.parametrize("size", [6, 8])
def test_flip_lines_are_those_of_a_walk_in_eight_directions(size: int) -> None:
    corpus = random_corpus(4, size=size)

    found = flip_lines(corpus.own, corpus.opponent, corpus.played)

    for row, word in enumerate(found):
        sides = int(corpus.own[row]), int(corpus.opponent[row])
        assert set(squares(word)) == walked(*sides, int(corpus.played[row]))


def test_flip_lines_are_the_flipped_discs_and_own_ones(games: Corpus) -> None:
    found = flip_lines(games.own, games.opponent, games.played)

    np.testing.assert_array_equal(
        found & games.opponent, flips(games.own, games.opponent, games.played)
    )
    assert ((found & games.own) != 0).all()
    assert (found & ~(games.own | games.opponent) == 0).all()


def test_a_move_that_is_not_legal_has_none(games: Corpus) -> None:
    taken = np.array([squares(word)[0] for word in games.own])

    assert (flip_lines(games.own, games.opponent, taken) == 0).all()


def test_a_heatmap_of_the_flip_lines_alone_scores_one(sample: Sample) -> None:
    lines = line_maps(sample)

    found = score_flip_lines(sample.corpus, sample.best, lines)

    np.testing.assert_array_equal(found.mass, 1)
    np.testing.assert_array_equal(found.rank_accuracy, 1)


def test_a_heatmap_beside_them_scores_nothing(sample: Sample) -> None:
    lines = line_maps(sample)

    found = score_flip_lines(sample.corpus, sample.best, (1 - lines) - lines)

    np.testing.assert_array_equal(found.mass, np.where(found.chance < 1, 0, np.nan))
    assert found.rank_accuracy[found.chance < 0.5].max() == 0


def test_an_even_heatmap_scores_chance(sample: Sample) -> None:
    found = score_flip_lines(sample.corpus, sample.best, np.ones_like(sample.discs))

    np.testing.assert_allclose(found.mass, found.chance)


def line_maps(sample: Sample) -> np.ndarray:
    """Return 1 on the flip lines of the best moves, 0 elsewhere, (N, 64)."""
    moves = squares_of_actions(sample.best)
    words = flip_lines(sample.corpus.own, sample.corpus.opponent, moves)
    return np.array([[int(w) >> s & 1 for s in range(64)] for w in words], float)
