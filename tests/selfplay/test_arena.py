import numpy as np
import pytest

from conceptlrp.errors import IllegalMoveError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import flips
from conceptlrp.othello.board import count
from conceptlrp.othello.replay import Replay, replay
from conceptlrp.selfplay import MatchResult, NetworkPlayer, RandomPlayer, match
from conceptlrp.selfplay.arena import play_games, play_pairs, random_openings
from conceptlrp.selfplay.players import GreedyPlayer


@pytest.mark.parametrize("size", [6, 8])
def test_games_are_legal_and_go_on_to_the_end(size: int) -> None:
    player = RandomPlayer(size)

    games = play_games(player, player, count=60, seed=0)

    found = replay(games.moves, size=size)
    assert games.finished.all()
    assert (found.illegal == -1).all()
    assert (games.size, len(games)) == (size, 60)
    assert len(np.unique(games.moves, axis=0)) == 60


def test_games_carry_the_names_of_their_players() -> None:
    games = play_games(RandomPlayer(), GreedyPlayer(), count=2)

    assert games.black.tolist() == ["random"] * 2
    assert games.white.tolist() == ["greedy"] * 2


def test_each_colour_is_played_by_its_player() -> None:
    games = play_games(GreedyPlayer(), RandomPlayer(), count=30, seed=1)

    found = replay(games.moves)
    black = found.mover == 0
    rng = np.random.default_rng(0)
    greedy = GreedyPlayer()(found.own, found.opponent, rng)
    turned = [_flipped(found, squares) for squares in (found.played, greedy)]
    np.testing.assert_array_equal(turned[0][black], turned[1][black])
    assert (turned[0][~black] < turned[1][~black]).any()


def _flipped(found: Replay, squares: np.ndarray) -> np.ndarray:
    return count(flips(found.own, found.opponent, squares))


def test_games_begin_with_their_openings() -> None:
    openings = random_openings(20, 10, seed=4)

    games = play_games(RandomPlayer(), RandomPlayer(), openings=openings)

    np.testing.assert_array_equal(games.moves[:, :10], openings)


def test_a_game_goes_on_from_an_opening_with_a_pass() -> None:
    found = replay(play_games(RandomPlayer(), RandomPlayer(), count=200, seed=0).moves)
    same = found.mover[1:] == found.mover[:-1]
    inside = found.game[1:] == found.game[:-1]
    after = int(np.flatnonzero(same & inside)[0]) + 1
    game, ply = found.game[after], int(found.ply[after])
    moves = found.played[found.game == game][: ply + 1]

    games = play_games(RandomPlayer(), RandomPlayer(), openings=[moves])

    assert games.finished.all()
    np.testing.assert_array_equal(games.moves[0, : ply + 1], moves)


def test_an_illegal_opening_is_refused() -> None:
    with pytest.raises(IllegalMoveError):
        play_games(RandomPlayer(), RandomPlayer(), openings=[[37, 0]])


def test_players_of_different_boards_do_not_meet() -> None:
    with pytest.raises(ValueError, match="boards of size 8 and 6"):
        play_games(RandomPlayer(8), RandomPlayer(6))


def test_equal_seeds_give_equal_games() -> None:
    one, same, other = (
        play_games(RandomPlayer(), GreedyPlayer(), count=5, seed=seed).moves
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_random_openings_are_legal_and_differ() -> None:
    openings = random_openings(100, 8, seed=0)

    assert openings.shape == (100, 8)
    assert (replay(openings).illegal == -1).all()
    assert len(np.unique(openings, axis=0)) > 95


def test_a_player_scores_half_against_itself_move_for_move(
    tiny_network: OthelloNet,
) -> None:
    player = NetworkPlayer(tiny_network)

    result = match(player, player, count=20)

    assert result.games == 20
    assert result.wins == result.losses
    assert result.score == 0.5


def test_greedy_beats_random() -> None:
    result = match(GreedyPlayer(), RandomPlayer(), count=120, seed=0)

    assert result.interval()[0] > 0.5


def test_wins_of_one_player_are_losses_of_the_other() -> None:
    openings = random_openings(10, 8, seed=0)
    games = play_games(GreedyPlayer(), RandomPlayer(), openings=openings, seed=1)

    result = match(GreedyPlayer(), RandomPlayer(), count=20, seed=0)

    assert int((games.score > 32).sum()) <= result.wins
    assert result.wiped_out <= result.losses
    assert result.games == 20


def test_the_interval_stays_within_0_and_1() -> None:
    assert MatchResult(10, 0, 0, 0).interval() == pytest.approx((0.7225, 1), abs=1e-3)
    assert MatchResult(0, 0, 10, 0).interval() == pytest.approx((0, 0.2775), abs=1e-3)


def test_a_draw_counts_half() -> None:
    assert MatchResult(wins=1, draws=2, losses=1, wiped_out=0).score == 0.5


def test_a_result_reads_as_a_line() -> None:
    text = str(MatchResult(wins=150, draws=10, losses=40, wiped_out=5))

    assert text == (
        "150 wins, 10 draws, 40 losses (5 by wipe-out) in 200 games: "
        "77.5% [71.2%, 82.7%]"
    )


@pytest.mark.parametrize("wrong", [{"count": 3}, {"count": 0}, {"together": 1}])
def test_half_a_pair_cannot_be_asked_for(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected an even number of games"):
        match(RandomPlayer(), RandomPlayer(), **wrong)


def test_a_match_is_counted_from_the_first_players_side() -> None:
    openings = random_openings(30, 8)
    games = play_pairs(GreedyPlayer(), RandomPlayer(), openings, 0)

    result = match(GreedyPlayer(), RandomPlayer(), count=60)

    assert games.black[:2].tolist() == ["greedy", "random"]
    black, white = games.score[::2], games.score[1::2]
    assert result.wins == int((black > 32).sum() + (white < 32).sum())
    assert result.wiped_out == int((black == 0).sum() + (white == 64).sum())
    assert result.games == 60


def test_openings_are_the_same_for_both_colours() -> None:
    openings = random_openings(4, 8, seed=2)

    moves = play_pairs(RandomPlayer(), RandomPlayer(), openings, 0).moves[:, :8]

    np.testing.assert_array_equal(moves[::2], openings)
    np.testing.assert_array_equal(moves[1::2], openings)
