"""Random games, and positions of all phases from them."""

import pytest

from conceptlrp.othello import Corpus, Games
from tests.othello.playouts import random_games


@pytest.fixture(scope="session")
def playouts() -> Games:
    return random_games(200, seed=1)


@pytest.fixture(scope="session")
def small_playouts() -> Games:
    return random_games(100, seed=2, size=6)


@pytest.fixture(scope="session")
def corpus(playouts: Games) -> Corpus:
    return Corpus.from_games(playouts)


@pytest.fixture(scope="session")
def small_corpus(small_playouts: Games) -> Corpus:
    return Corpus.from_games(small_playouts)
