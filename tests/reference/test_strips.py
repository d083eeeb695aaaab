"""Strips of reference boards, their provenance, and their orientation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.othello import Corpus, Position, parse_square
from conceptlrp.othello.symmetry import compose, inverse, turn, turn_maps
from conceptlrp.reference import (
    REFERENCE_SCORES,
    quantile_boards,
    random_boards,
    reference_boards,
    strips,
)
from conceptlrp.reference.boards import fold_orientations
from conceptlrp.reference.strips import (
    board_distances,
    diverse_rows,
    quantile_rows,
    reference_scores,
)
from tests.othello.playouts import random_games
from tests.store.conftest import ranked_by_hand


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", REFERENCE_SCORES)
def test_every_score_ranks_as_sorting_all_positions_does(fake_store, by, lowest):
    found = reference_boards(
        fake_store, "conv1", 2, 50, by=by, lowest=lowest, one_per_game=False
    )

    scores = reference_scores(fake_store, "conv1", 2, by=by)
    order = ranked_by_hand(scores, 50, by=by, lowest=lowest)
    assert found.rows.tolist() == order
    assert found.scores.tolist() == scores[order].tolist()
    assert found.strip == ("bottom" if lowest else "top")


def test_positive_and_absolute_scores_are_parts_of_relevance(fake_store):
    relevance = fake_store.values[:, 1]

    positive = reference_scores(fake_store, "conv1", 1, by="positive")
    absolute = reference_scores(fake_store, "conv1", 1, by="absolute")

    assert positive.tolist() == relevance.clip(min=0).tolist()
    assert absolute.tolist() == np.abs(relevance).tolist()


def test_boards_at_a_distance_are_apart_and_of_different_games(fake_store):
    found = reference_boards(fake_store, "conv1", 0, 8, min_distance=14)

    boards = fake_store.positions[found.rows]
    for place in range(len(boards)):
        one = (int(boards.own[place]), int(boards.opponent[place]))
        apart = board_distances(one, (boards.own, boards.opponent))
        assert np.delete(apart, place).min() >= 14
    assert len(set(boards.game)) == len(found) == 8


def test_the_random_strip_depends_on_the_seed_alone(fake_store):
    first, again, other = (
        random_boards(fake_store, "conv1", channel, 6, seed=seed).rows.tolist()
        for channel, seed in ((0, 3), (4, 3), (0, 4))
    )

    assert first == again != other
    assert len(set(fake_store.positions.game[first])) == 6


def test_the_random_strip_has_the_scores_of_the_channel(fake_store):
    found = random_boards(fake_store, "conv1", 3, 6, by="relevance")

    assert found.scores.tolist() == fake_store.values[found.rows, 3].tolist()


def test_the_quantile_strip_falls_from_the_highest_to_the_lowest(fake_store):
    found = quantile_boards(fake_store, "conv1", 3, 5)

    scores = reference_scores(fake_store, "conv1", 3, by="share")
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores[0], found.scores[-1]) == (scores.max(), scores.min())
    assert found.strip == "quantiles"


def test_a_board_says_where_it_is_from_and_what_the_network_thinks(fake_store):
    found = reference_boards(fake_store, "conv1", 0, 9)

    corpus = fake_store.positions
    for board in found.boards:
        game = int(corpus.game[board.row])
        assert (board.black, board.white) == (f"Black {game}", f"White {game}")
        assert (board.game, board.year) == (game, 1990 + game % 10)
        assert board.ply == corpus.ply[board.row]
        legal = set(board.position.legal_moves)
        assert {parse_square(move) for move in board.policy} == legal
        assert sum(board.policy.values()) == pytest.approx(1)
        assert list(board.policy.values()) == sorted(board.policy.values())[::-1]


def test_probabilities_are_those_of_the_logits_of_legal_moves(fake_store):
    board = reference_boards(fake_store, "conv1", 0, 1).boards[0]

    logits = fake_store.logits(rows=np.array([board.row]))[0]
    weights = {m: np.exp(logits[m]) for m in board.position.legal_moves}
    for name, probability in board.policy.items():
        expected = weights[parse_square(name)] / sum(weights.values())
        assert probability == pytest.approx(expected, rel=1e-5)


def test_json_has_no_nan_and_reads_back(fake_store):
    found = random_boards(fake_store, "conv1", 0, 12)

    text = json.dumps(found.to_dict(), allow_nan=False)

    records = json.loads(text)["boards"]
    values = [record["value"] for record in records]
    assert [v is None for v in values] == [r % 2 == 1 for r in found.rows.tolist()]
    for record, board in zip(records, found.boards, strict=True):
        assert Position.from_obf(record["obf"]).own == board.position.own
        assert record["policy"] == board.policy


def test_folding_finds_how_maps_were_turned():
    heatmap = np.random.default_rng(0).normal(size=(8, 8))
    turns = np.arange(8)
    maps = turn_maps(np.repeat(heatmap[None], 8, axis=0), turns)

    symmetries = fold_orientations(maps)

    np.testing.assert_array_equal(turn_maps(maps, symmetries), np.stack([heatmap] * 8))


def test_folding_prefers_the_lowest_of_equal_symmetries():
    assert fold_orientations(np.ones((3, 8, 8))).tolist() == [0, 0, 0]
    assert fold_orientations(np.zeros((0, 8, 8))).tolist() == []


def test_folded_boards_turn_with_their_maps_and_moves(fake_store):
    found = reference_boards(fake_store, "conv1", 0, 8)
    heatmap = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    turns = np.array([0, 3, 5, 6, 1, 2, 7, 4])
    maps = turn_maps(np.repeat(heatmap[None], 8, axis=0), turns)

    folded = replace(found, heatmaps=maps).folded()

    np.testing.assert_array_equal(folded.heatmaps, np.stack([heatmap] * 8))
    for before, after in zip(found.boards, folded.boards, strict=True):
        s = compose(inverse(before.symmetry), after.symmetry)
        corpus = fake_store.positions.turned_by(s)
        assert after.position == corpus.position(before.row)
        assert after.transcript == before.transcript
        assert after.position == Position.from_transcript(
            after.transcript, symmetry=after.symmetry
        )
        assert parse_square(after.played) == corpus.played[before.row]
        assert {parse_square(m) for m in after.policy} == set(
            after.position.legal_moves
        )


def test_boards_without_maps_cannot_be_folded(fake_store):
    with pytest.raises(ValueError, match="the boards of conv1:0 have no heatmaps"):
        reference_boards(fake_store, "conv1", 0, 2).folded()


def test_an_unknown_score_is_refused_with_the_known_ones(fake_store):
    with pytest.raises(ValueError, match="'beauty', expected one of share, relev"):
        reference_boards(fake_store, "conv1", 0, by="beauty")


def test_diverse_boards_among_those_that_meet_a_condition(fake_store, monkeypatch):
    late = fake_store.positions.ply >= 20
    monkeypatch.setattr(
        type(fake_store), "mask", lambda _store, where: where, raising=False
    )

    found = reference_boards(fake_store, "conv1", 0, 5, by="absolute", where=late)

    scores = reference_scores(fake_store, "conv1", 0, by="absolute")
    assert (fake_store.positions.ply[found.rows] >= 20).all()
    assert found.scores.tolist() == scores[found.rows].tolist()
    assert found.scores[0] == scores[late].max()


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
    with pytest.raises(ValueError, match="count is -2, expected at least 0"):
        diverse_rows(np.zeros(2), -2)
