import numpy as np
import pytest

from conceptlrp.networks import OthelloNet, predict
from conceptlrp.othello import Corpus, flips, legal_moves, play
from conceptlrp.othello.board import count, start
from conceptlrp.selfplay import NetworkPlayer, RandomPlayer, SearchOptions, SearchPlayer
from conceptlrp.selfplay.players import GreedyPlayer, MobilityPlayer
from tests.selfplay.toys import positions


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("which", ["random", "greedy", "best"])
def test_every_player_plays_legal_moves(
    which: str, tiny_network: OthelloNet, random_corpus: Corpus
) -> None:
    players = {
        "random": RandomPlayer(),
        "greedy": GreedyPlayer(),
        "best": NetworkPlayer(tiny_network),
    }
    corpus = random_corpus[:400]

    squares = players[which](corpus.own, corpus.opponent, generator())

    bits = np.uint64(1) << squares.astype(np.uint64)
    assert (legal_moves(corpus.own, corpus.opponent) & bits).all()


def test_players_of_6x6_stay_on_their_board() -> None:
    own, opponent = (np.full(200, word, dtype=np.uint64) for word in start(6))

    for player in (RandomPlayer(6), GreedyPlayer(6)):
        squares = player(own, opponent, generator())
        bits = np.uint64(1) << squares.astype(np.uint64)
        assert (legal_moves(own, opponent, size=6) & bits).all()


def test_the_random_player_plays_every_move_equally_often() -> None:
    own, opponent = (np.full(4000, word, dtype=np.uint64) for word in start())

    squares = RandomPlayer()(own, opponent, generator())

    counts = np.bincount(squares, minlength=64)
    assert np.flatnonzero(counts).tolist() == [19, 26, 37, 44]
    assert counts[counts > 0].min() > 900


def test_the_greedy_player_flips_the_most_discs(random_corpus: Corpus) -> None:
    corpus = random_corpus[:300]

    squares = GreedyPlayer()(corpus.own, corpus.opponent, generator())

    every = count(flips(corpus.own[:, None], corpus.opponent[:, None], np.arange(64)))
    chosen = every[np.arange(300), squares]
    np.testing.assert_array_equal(chosen, every.max(axis=1))


def test_the_network_player_plays_the_best_legal_move(
    tiny_network: OthelloNet, random_corpus: Corpus
) -> None:
    corpus = random_corpus[:100]

    squares = NetworkPlayer(tiny_network)(corpus.own, corpus.opponent, generator())

    best = predict(tiny_network, corpus.own, corpus.opponent).best
    np.testing.assert_array_equal(squares, best)


def test_the_mobility_player_leaves_the_fewest_replies() -> None:
    corpus = positions(60)
    rng = np.random.default_rng(0)

    chosen = MobilityPlayer()(corpus.own, corpus.opponent, rng)

    for row in range(len(corpus)):
        own, opponent = int(corpus.own[row]), int(corpus.opponent[row])
        replies = {}
        for square in range(64):
            if int(corpus.legal[row]) >> square & 1:
                mine, theirs = play(own, opponent, square)
                replies[square] = int(count(legal_moves(mine, theirs)))
        assert replies[int(chosen[row])] == min(replies.values())


def test_the_search_player_plays_legal_moves() -> None:
    corpus = positions(10)
    player = SearchPlayer(OthelloNet(channels=1), SearchOptions(simulations=9))
    rng = np.random.default_rng(0)

    squares = player(corpus.own, corpus.opponent, rng)

    assert player.name == "network@9"
    assert all(
        int(word) >> int(square) & 1
        for word, square in zip(corpus.legal, squares, strict=True)
    )
