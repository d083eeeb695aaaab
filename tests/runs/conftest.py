"""Small runs, whole and cut short, and their bytes."""

from pathlib import Path
from typing import Any

import pytest

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store
from tests.lrp.conftest import random_positions, small_network  # noqa: F401
from tests.runs.computing import explain_corpus

#: A run with everything in it: maps, statistics, reference boards, two targets.
OPTIONS: dict[str, Any] = {
    "targets": ("played", "value"),
    "layers": ("conv1", "conv4"),
    "detail": "sample",
    "sample": 7,
    "seed": 3,
    "statistics": True,
    "references": 2,
    "batch_size": 3,
    "shard_size": 6,
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a store."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_same_bytes(found: Path, expected: Path) -> None:
    """Assert that two stores have the same files; failing names those that differ."""
    there, wanted = contents(found), contents(expected)
    names = there.keys() | wanted.keys()
    assert [n for n in sorted(names) if there.get(n) != wanted.get(n)] == []


@pytest.fixture(scope="session")
def whole(
    small_network: OthelloNet,  # noqa: F811
    random_positions: Corpus,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Store:
    """Return a run that nothing interrupted, in four shards."""
    path = tmp_path_factory.mktemp("whole") / "run.crp"
    return explain_corpus(small_network, random_positions, path, **OPTIONS)
