"""A damaged store is repaired by resuming its run, byte for byte."""

import shutil
from pathlib import Path

import pytest

from conceptlrp.errors import StoreError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, check_store, open_store
from tests.lrp.conftest import random_corpus, randomize
from tests.runs.computing import explain_corpus

OPTIONS = {
    "detail": "references",
    "references": 2,
    "statistics": True,
    "batch_size": 8,
    "shard_size": 8,
}


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    return randomize(OthelloNet(channels=4))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return random_corpus(4).sample(30, seed=1)


@pytest.fixture(scope="module")
def whole(
    network: OthelloNet, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("repair") / "run.crp"
    return attribute(network, corpus, path).path


def attribute(network: OthelloNet, corpus: Corpus, path: Path, **more: bool) -> Store:
    return explain_corpus(network, corpus, path, **OPTIONS, **more)  # type: ignore[arg-type]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize(
    "name",
    ["shard-00001.h5", "index.h5", "references.h5", "statistics.h5", "corpus-0.h5"],
)
def test_resuming_repairs_any_file(
    name: str,
    harm: object,
    whole: Path,
    network: OthelloNet,
    corpus: Corpus,
    tmp_path: Path,
) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "copy.crp"))
    harm(path / name)  # type: ignore[operator]
    assert [problem.file for problem in check_store(path).problems] == [name]

    attribute(network, corpus, path, mode="resume")

    assert check_store(path).is_good
    for file in whole.iterdir():
        assert (path / file.name).read_bytes() == file.read_bytes()


def test_the_rest_of_a_damaged_store_stays_readable(
    whole: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "copy.crp"))
    (path / "shard-00001.h5").unlink()

    with pytest.raises(StoreError, match=r"shard-00001\.h5: is missing"):
        open_store(path)
    with pytest.warns(UserWarning, match="what it holds is left out"):
        rest = open_store(path, damaged="skip")

    expected = [*range(8), *range(16, 30)]
    assert rest.ids.tolist() == expected
    found = rest.arrays.relevance("conv3")
    assert (found == open_store(whole).arrays.relevance("conv3", rows=expected)).all()


def test_a_damaged_manifest_is_a_clear_error(
    whole: Path, network: OthelloNet, corpus: Corpus, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "copy.crp"))
    flip(path / "manifest.json")

    with pytest.raises(StoreError, match=r"manifest\.json"):
        attribute(network, corpus, path, mode="resume")
