import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import EngineError
from conceptlrp.networks import OthelloNet, predict
from conceptlrp.othello import Corpus, Games, flips, legal_moves, play
from conceptlrp.othello.board import count, squares, start
from conceptlrp.othello.games import replay
from conceptlrp.selfplay import (
    NetworkPlayer,
    RandomPlayer,
    SearchOptions,
    SearchPlayer,
    match,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    GtpEngine,
    GtpPlayer,
    MobilityPlayer,
)
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


FAKE = Path(__file__).with_name("fake_engine.py")
RHINO = shutil.which("gtp-rhino") or shutil.which("/usr/games/gtp-rhino")


@contextmanager
def fake(
    fault: str = "no-fault", after: int = 0, timeout: float = 20.0
) -> Iterator[GtpPlayer]:
    command = shlex.join([sys.executable, str(FAKE), fault, str(after)])
    with GtpEngine(command, timeout=timeout) as engine:
        yield GtpPlayer(engine)


def test_an_engine_plays_whole_games() -> None:
    with fake() as player:
        games = play_games(player, RandomPlayer(), count=1, seed=1)

    found = replay(games.moves)
    black = found.mover == 0
    first = [squares(int(word))[0] for word in _legal(games)[black]]
    assert games.finished.all()
    assert games.black.tolist() == ["fake"]
    assert found.played[black].tolist() == first


def _legal(games: Games) -> np.ndarray:
    return Corpus.from_games(games).legal


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("die", r"'genmove black': ended \(exit code 3\)"),
        ("illegal", r"answers 'a1' for black after '.+', which is no legal move"),
        ("pass", r"answers 'PASS' for black after '.+', which is no legal move"),
        ("fail", r"'genmove black': failed: out of memory"),
        ("nonsense", r"answers 'knight to c3' for black"),
    ],
)
def test_a_fault_is_told(fault: str, message: str) -> None:
    with fake(fault, 1) as player, pytest.raises(EngineError, match=message):
        match(player, RandomPlayer(), count=6, together=2)


def test_an_engine_that_hangs_is_ended() -> None:
    started = time.monotonic()

    with (
        fake("hang", 2, timeout=3.0) as player,
        pytest.raises(EngineError, match="gave no answer in 3 s and was ended"),
    ):
        play_games(player, RandomPlayer(), count=1)

    assert time.monotonic() - started < 20


def test_a_dead_engine_is_told_again_when_asked_again() -> None:
    with fake("die") as player:
        for _ in range(2):
            with pytest.raises(EngineError, match="ended"):
                play_games(player, RandomPlayer(), count=1)


@pytest.mark.parametrize("command", ["no-such-program --fast", ""])
def test_what_cannot_be_started_is_told(command: str) -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        GtpEngine(command)


def test_passes_are_told_to_an_engine() -> None:
    games = play_games(RandomPlayer(), RandomPlayer(), count=60, seed=0)
    found = replay(games.moves)
    same = (found.mover[1:] == found.mover[:-1]) & (found.game[1:] == found.game[:-1])
    row = int(np.flatnonzero(same)[0]) + 1
    moves = found.played[found.game == found.game[row]][: found.ply[row]]

    with fake() as player:
        answer = player.reply(moves[None], np.random.default_rng(0))

    assert int(answer[0]) in squares(int(_legal(games)[row]))


@pytest.mark.skipif(RHINO is None, reason="gtp-rhino is not installed")
def test_rhino_plays_by_the_rules_and_wins() -> None:
    with GtpEngine(f"{RHINO} --level 1") as engine:
        player = GtpPlayer(engine)
        result = match(player, RandomPlayer(), count=4, together=2)

    assert player.name == "GTP GRhino"
    assert result.wins == 4
