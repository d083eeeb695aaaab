import numpy as np
import pytest

from conceptlrp.networks import OthelloNet, predict
from conceptlrp.othello import Corpus, Position, flips, legal_moves
from conceptlrp.othello.board import count, start
from conceptlrp.selfplay import GreedyPlayer, NetworkPlayer, Player, RandomPlayer


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("which", ["random", "greedy", "best", "drawn"])
def test_every_player_plays_legal_moves(
    which: str, tiny_network: OthelloNet, random_corpus: Corpus
) -> None:
    players: dict[str, Player] = {
        "random": RandomPlayer(),
        "greedy": GreedyPlayer(),
        "best": NetworkPlayer(tiny_network),
        "drawn": NetworkPlayer(tiny_network, temperature=2.0),
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


def test_moves_are_drawn_from_the_softmax_at_the_temperature(
    tiny_network: OthelloNet,
) -> None:
    position = Position.start()
    own, opponent = (
        np.full(8000, word, dtype=np.uint64)
        for word in (position.own, position.opponent)
    )
    player = NetworkPlayer(tiny_network, temperature=0.5)

    squares = player(own, opponent, generator())

    weights = predict(tiny_network, own[:1], opponent[:1]).probabilities[0, :64] ** 2
    shares = np.bincount(squares, minlength=64) / 8000
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.02)


def test_a_negative_temperature_is_refused(tiny_network: OthelloNet) -> None:
    with pytest.raises(ValueError, match="temperature is -1, expected 0 or more"):
        NetworkPlayer(tiny_network, temperature=-1)
