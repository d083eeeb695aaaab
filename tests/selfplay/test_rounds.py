from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.networks import OthelloNet
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.selfplay import SearchOptions, SelfPlayGames, SelfPlayOptions
from conceptlrp.selfplay.puct import NetworkEvaluator, search
from conceptlrp.selfplay.rounds import play_round
from tests.selfplay.toys import HashEvaluator

QUICK = SelfPlayOptions(search=SearchOptions(simulations=6, noise=0.25), together=10)


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("searched", [True, False])
def test_every_position_after_the_opening_is_looked_at(
    size: int, searched: bool
) -> None:
    options = SelfPlayOptions(
        search=QUICK.search if searched else None, opening_plies=4, together=12
    )

    played = play_round(HashEvaluator(size), options=options)

    corpus = played.corpus
    opening = corpus.ply < 4
    assert played.games.finished.all()
    np.testing.assert_array_equal(np.isnan(played.value), opening)
    expected = np.where(opening, 0, 6 if searched else 0)
    np.testing.assert_array_equal(played.visits.sum(axis=1), expected)
    legal = legal_actions(corpus.own, corpus.opponent, size=size)
    assert not played.visits[~legal].any()


def test_visits_and_values_are_those_of_the_search_in_that_position() -> None:
    plain = SearchOptions(simulations=6)
    evaluate = HashEvaluator()
    options = SelfPlayOptions(search=plain, symmetries=False, together=3)

    played = play_round(evaluate, options=options)

    corpus = played.corpus
    late = np.flatnonzero(corpus.ply >= 6)
    found = search(evaluate, corpus.own[late], corpus.opponent[late], options=plain)
    np.testing.assert_array_equal(played.visits[late], found.visits)
    np.testing.assert_allclose(played.value[late], found.value, atol=1e-6)


def test_a_turned_game_carries_turned_visits() -> None:
    for seed in range(3):
        played = play_round(HashEvaluator(), options=QUICK, seed=seed)

        corpus = played.corpus
        searched = corpus.ply >= 6
        actions = actions_of_squares(corpus.played)
        chosen = played.visits[np.arange(len(corpus)), actions]
        assert (chosen[searched] > 0).all()
        assert set(played.games.moves[:, 0].tolist()) <= {19, 26, 37, 44}


def test_after_the_warm_moves_the_most_visited_is_played() -> None:
    options = replace(QUICK, temperature_moves=10)

    played = play_round(HashEvaluator(), options=options)

    corpus = played.corpus
    cold = corpus.ply >= 10
    actions = actions_of_squares(corpus.played)
    chosen = played.visits[np.arange(len(corpus)), actions]
    most = played.visits.max(axis=1)
    assert (chosen[cold] == most[cold]).all()
    assert (chosen[~cold] < most[~cold]).any()


def test_equal_seeds_give_equal_games() -> None:
    evaluate = NetworkEvaluator(OthelloNet(channels=1, size=6))

    one, same, other = (
        play_round(evaluate, options=QUICK, seed=seed) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one.games.moves, same.games.moves)
    np.testing.assert_array_equal(one.visits, same.visits)
    np.testing.assert_array_equal(one.value, same.value)
    assert (one.games.moves != other.games.moves).any()


def test_progress_is_told_move_by_move() -> None:
    told: list[tuple[str, int, int]] = []

    play_round(
        HashEvaluator(6),
        options=SelfPlayOptions(search=None, opening_plies=2, together=2),
        on_progress=lambda *found: told.append(found),
    )

    assert told[0] == ("moves", 3, 32)
    assert [ply for _, ply, _ in told] == list(range(3, 3 + len(told)))


def test_games_are_taken_with_their_positions() -> None:
    played = play_round(HashEvaluator(), options=QUICK)

    taken = played.take(np.array([3, 1]))

    corpus = played.corpus
    rows = np.concatenate([np.flatnonzero(corpus.game == game) for game in (3, 1)])
    np.testing.assert_array_equal(taken.games.moves, played.games.moves[[3, 1]])
    np.testing.assert_array_equal(taken.visits, played.visits[rows])
    np.testing.assert_array_equal(taken.value, played.value[rows])


def test_joined_games_keep_their_positions() -> None:
    played = play_round(HashEvaluator(), options=QUICK)
    halves = [played.take(np.arange(5)), played.take(np.arange(5, 10))]

    joined = SelfPlayGames.concatenate(halves)

    np.testing.assert_array_equal(joined.games.moves, played.games.moves)
    np.testing.assert_array_equal(joined.visits, played.visits)
    np.testing.assert_array_equal(joined.value, played.value)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ValueError, match="temperature is -1"):
        SelfPlayOptions(temperature=-1)
