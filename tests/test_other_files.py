"""Files that are not games: damaged or hostile, they end in an error of ours, soon."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import ConceptLRPError
from conceptlrp.store import open_store
from tests.atlas.conftest import write_store
from tests.othello.samples import mutated
from tests.other_files import OtherFile, harmful, network_of, other_files

MUTATIONS, SECONDS, MEBIBYTES = 60, 5.0, 200
HARMFUL = harmful()
NAMES = [
    *("strength card", "self-play counts", "notes", "network, safetensors"),
    *("its header", "network, zip", "network, pickles", "training checkpoint"),
    *("run.json", "marker of a folder", "store's manifest.json", "store's lock"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "run.crp"
    write_store(path)
    return path


@pytest.fixture(scope="module")
def files(store: Path) -> dict[str, OtherFile]:
    return other_files(store)


def said(file: OtherFile, path: Path) -> str:
    """Read a file: what the error says, "" where there is none."""
    try:
        file.read(path)
    except ConceptLRPError as error:
        return str(error)
    return ""


def test_every_format_is_tried(files: dict[str, OtherFile]) -> None:
    assert [*files] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_ends_in_a_result_or_an_error_of_ours(
    name: str, files: dict[str, OtherFile], tmp_path: Path
) -> None:
    file, rng = files[name], np.random.default_rng(sum(name.encode()))
    path = tmp_path / file.name
    path.write_bytes(file.data)
    file.read(path)

    for _ in range(MUTATIONS):
        path.write_bytes(mutated(file.data, rng))
        assert len(said(file, path)) < 2000


@pytest.mark.parametrize("label", HARMFUL)
def test_a_file_that_does_harm_is_read_soon_and_small(
    label: str, files: dict[str, OtherFile], store: Path, tmp_path: Path
) -> None:
    name, data = HARMFUL[label]
    path = tmp_path / files[name].name
    digest = open_store(store).manifest.network["digest"]
    path.write_bytes(network_of(digest, data))
    begun = time.process_time()
    tracemalloc.start()

    try:
        text = said(files[name], path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert len(text) < 2000
    assert time.process_time() - begun < SECONDS
    assert peak < MEBIBYTES << 20
