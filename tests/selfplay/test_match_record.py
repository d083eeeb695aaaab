from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import OutputExistsError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import legal_moves, play
from conceptlrp.othello.board import count
from conceptlrp.othello.files.transcripts import read_transcripts
from conceptlrp.selfplay import (
    GreedyPlayer,
    MobilityPlayer,
    RandomPlayer,
    SearchOptions,
    SearchPlayer,
    record_match,
)
from tests.selfplay.toys import positions


def test_a_record_is_counted_from_the_first_players_side(tmp_path: Path) -> None:
    path = tmp_path / "match.txt"

    result = record_match(GreedyPlayer(), RandomPlayer(), path, n_pairs=30)

    games = read_transcripts(path).games
    assert games.black[:2].tolist() == ["greedy", "random"]
    black, white = games.score[::2], games.score[1::2]
    assert result.wins == int((black > 32).sum() + (white < 32).sum())
    assert result.wiped_out == int((black == 0).sum() + (white == 64).sum())
    assert result.games == 60


def test_a_finished_match_is_not_played_again(tmp_path: Path) -> None:
    path = tmp_path / "match.txt"
    expected = record_match(GreedyPlayer(), RandomPlayer(), path, n_pairs=3)
    content = path.read_bytes()

    result = record_match(GreedyPlayer(), RandomPlayer(), path, n_pairs=3)

    assert result == expected
    assert path.read_bytes() == content


@pytest.mark.parametrize("cut", [10, 200])
def test_half_a_pair_is_played_again(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "match.txt"
    options = {"n_pairs": 3, "together": 1, "seed": 3}
    record_match(GreedyPlayer(), RandomPlayer(), path, **options)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])

    record_match(GreedyPlayer(), RandomPlayer(), path, **options)

    assert path.read_bytes() == content


def test_another_match_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "match.txt"
    record_match(GreedyPlayer(), RandomPlayer(), path, n_pairs=1)

    with pytest.raises(OutputExistsError, match="is of another match"):
        record_match(GreedyPlayer(), RandomPlayer(), path, n_pairs=1, seed=1)


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
