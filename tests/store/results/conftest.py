"""Small stores that results are saved in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conceptlrp.store import Store, open_store
from tests.store.conftest import arrays, corpus, write_store
from tests.store.faults import SmallRun

__all__ = ["arrays", "corpus", "store", "write_store"]


@pytest.fixture
def store(write_store: Callable[..., Store], tmp_path: Path) -> Store:
    return write_store(tmp_path / "run.crp")


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of three positions, one layer and one target."""
    path = tmp_path_factory.mktemp("small") / "run.crp"
    SmallRun.of(3).go_on(path)
    return path


@pytest.fixture
def copied(small_store: Path, tmp_path: Path) -> Callable[[str], Store]:
    return lambda name: open_store(shutil.copytree(small_store, tmp_path / name))
