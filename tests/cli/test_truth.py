"""The verb truth."""

import json
from pathlib import Path

import pytest

from conceptlrp.evaluation import RulesTruth
from conceptlrp.othello import Corpus
from conceptlrp.store import open_store
from tests.command_line import assert_one_line, run, succeed
from tests.othello.playouts import random_games


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("truth")
    games = Corpus.from_games(random_games(40, seed=2)).sample(200, seed=0)
    games.save(place / "corpus.h5")
    succeed(
        *("attribute", folder / "net.safetensors", place / "corpus.h5"),
        *("--out", place / "run.crp", "--layer", "conv4", "--references", 2),
    )
    return place / "run.crp"


def test_numbers_are_printed_kept_and_not_replaced(store: Path) -> None:
    result = run("truth", store, "--positions", 150)

    assert result.code == 0, result.err
    for word in ("coverage", "reconstruction", "random weights", "OthelloGPT"):
        assert word in result.out
    kept = open_store(store).results.get(RulesTruth)
    assert kept is not None
    assert kept.positions + kept.learned == 150
    assert_one_line(run("truth", store), 1, "--overwrite")

    again = run("truth", store, "--positions", 150, "--overwrite", "--json")

    assert json.loads(again.out) == kept.to_dict()
