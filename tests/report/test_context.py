"""What a store is about, in words: of games, or of boards alone."""

from pathlib import Path

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Position
from conceptlrp.report.words.context import games_words, has_games
from conceptlrp.runs import attribute_corpus
from tests.othello.playouts import random_games

LINES = ("", "f5", "f5d6c3", "f5d6c3d3")


def test_boards_alone_are_of_no_game(tmp_path: Path) -> None:
    boards = Corpus.from_positions([Position.from_transcript(line) for line in LINES])

    store = attribute_corpus(
        OthelloNet(channels=2).eval(), boards, tmp_path / "s.crp", targets="value"
    )

    # The start position is a board as any other.
    assert not has_games(store)
    assert games_words(store) == "without games"


def test_single_positions_of_games_are_of_these(tmp_path: Path) -> None:
    corpus = Corpus.from_games(random_games(3))
    chosen = corpus[[0, 70, 130]]

    store = attribute_corpus(
        OthelloNet(channels=2).eval(), chosen, tmp_path / "s.crp", layers=["conv4"]
    )

    assert games_words(store) == "of 3 games"
