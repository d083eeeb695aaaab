"""The explorer of a small store of the network that ships."""

import pytest

from conceptlrp.explorer import ExplorerEngine, explorer_app
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks import demo_network
from conceptlrp.othello import Corpus
from conceptlrp.runs import KeepOptions, RunOptions, attribute_corpus
from conceptlrp.store import Store
from tests.explorer.client import Client
from tests.othello.playouts import random_games

LAYERS = ("conv1", "conv4")


@pytest.fixture(scope="session")
def explained_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    corpus = Corpus.from_games(random_games(4, seed=3)).sample(30, seed=1)
    return attribute_corpus(
        demo_network(),
        corpus,
        tmp_path_factory.mktemp("explorer") / "run.crp",
        targets=["played", "value"],
        layers=LAYERS,
        keep=KeepOptions(references=6),
        run=RunOptions(name="demo"),
    )


@pytest.fixture(scope="session")
def engine(explained_store: Store) -> ExplorerEngine:
    explainer = store_explainer(explained_store, demo_network())
    return ExplorerEngine(explainer, explained_store)


@pytest.fixture
def client(engine: ExplorerEngine) -> Client:
    return Client(explorer_app(engine))
