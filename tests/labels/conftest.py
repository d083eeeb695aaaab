import pytest

from conceptlrp.labels import Labels, label_boards
from conceptlrp.othello import Corpus
from tests.othello.playouts import random_games


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(60, seed=11)).sample(1500, seed=0).turn()


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    games = random_games(60, seed=12, size=6)
    return Corpus.from_games(games).sample(800, seed=0).turn()


@pytest.fixture(scope="session")
def labels(corpus: Corpus) -> Labels:
    return label_boards(corpus)


@pytest.fixture(scope="session")
def small_labels(small_corpus: Corpus) -> Labels:
    return label_boards(small_corpus)
