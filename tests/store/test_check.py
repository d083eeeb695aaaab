"""Checking a store: every kind of damage is found and named."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.files import hidden_name
from conceptlrp.othello import Corpus
from conceptlrp.store import check_store
from conceptlrp.store.format.schema import INDEX, MANIFEST
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import Arrays, MakeStore, fill, planted_plan


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, write_store: MakeStore) -> Path:
    return write_store(tmp_path_factory.mktemp("check") / "whole.crp").path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy.crp"))


def flip(path: Path, offset: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def test_a_whole_store_is_good(whole: Path) -> None:
    found = check_store(whole)

    assert found.is_good
    assert found.finished == found.shards > 1
    files = [path for path in whole.iterdir() if path.name != MANIFEST]
    assert found.files == len(files)
    assert found.bytes == sum(path.stat().st_size for path in files)


def test_any_flipped_byte_is_found(whole: Path, copy: Path) -> None:
    rng = np.random.default_rng(0)
    for path in sorted(whole.iterdir()):
        for _ in range(8):
            offset = int(rng.integers(path.stat().st_size))
            flip(copy / path.name, offset, int(rng.integers(8)))

            found = check_store(copy)

            assert [problem.file for problem in found.problems] == [path.name]
            shutil.copy(path, copy / path.name)


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "folder":
        path.mkdir()
    elif how == "dangling":
        path.symlink_to("nowhere")
    elif how == "linked":
        other = path.parent.parent / "elsewhere"
        other.write_bytes(content)
        path.symlink_to(other)


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("deleted", "is missing"),
        ("truncated", "bytes, expected"),
        ("empty", "has 0 bytes, expected"),
        ("folder", "is a folder, expected a file"),
        ("dangling", "is a link, expected a file"),
        ("linked", "is a link, expected a file"),
    ],
)
@pytest.mark.parametrize("name", ["shard-00001.h5", INDEX, "corpus-0.h5"])
def test_damage_is_named_with_its_remedy(
    name: str, how: str, found: str, copy: Path
) -> None:
    damage(copy / name, how)

    (problem,) = check_store(copy).problems

    assert problem.file == name
    assert found in problem.found
    assert "attribute --resume" in problem.remedy


def test_files_of_others_are_named_and_leftovers_are_harmless(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    (copy / "maps").mkdir()
    (copy / ".draft.1a2b3c4d.tmp").write_text("mine too")
    left = hidden_name("shard-00000.h5")
    (copy / left).write_bytes(b"half a sh")

    found = check_store(copy)

    mine = [".draft.1a2b3c4d.tmp", "maps", "notes.txt"]
    assert [problem.file for problem in found.problems] == mine
    assert found.problems[1].found == "is an unknown folder"
    assert found.leftovers == (left,)


def test_a_running_store_is_checked_by_its_receipts(
    tmp_path: Path, corpus: Corpus, arrays: Arrays
) -> None:
    path = tmp_path / "running.crp"
    create_run(path, planted_plan(corpus), corpus)
    specs = pending(path)
    fill(path, arrays, specs[:2])
    (path / specs[2].file).write_bytes(b"killed before the receipt")
    good = check_store(path)
    flip(path / specs[0].file, 1000)
    flip(path / "shard-00001.json", 30)

    found = check_store(path)

    assert good.is_good
    assert (good.finished, good.shards) == (2, len(specs))
    assert good.leftovers == (specs[2].file,)
    assert [p.file for p in found.problems] == ["shard-00000.h5", "shard-00001.json"]


def test_a_shard_of_other_content_with_a_right_hash_is_found(
    tmp_path: Path, corpus: Corpus, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.crp"
    create_run(path, planted_plan(corpus), corpus)
    narrow = {k: v for k, v in arrays.items() if k != "layers/conv1/peak"}
    monkeypatch.setattr(
        "conceptlrp.store.writing.shard_writer._check_arrays", lambda *_: None
    )
    fill(path, narrow)

    found = check_store(path)

    assert "layers/conv1/peak has the shape None" in found.problems[0].found


def test_what_is_found_is_what_resuming_computes_again(
    copy: Path, arrays: Arrays, whole: Path
) -> None:
    damage(copy / "shard-00001.h5", "truncated")
    flip(copy / "shard-00002.h5", 3000)
    flip(copy / INDEX, 500)

    left = pending(copy, verify=True)
    fill(copy, arrays, left)
    finish_run(copy)

    assert [spec.file for spec in left] == ["shard-00001.h5", "shard-00002.h5"]
    assert check_store(copy).is_good
    for path in whole.iterdir():
        assert (copy / path.name).read_bytes() == path.read_bytes()


def test_a_folder_that_is_no_store_is_a_problem(tmp_path: Path) -> None:
    (problem,) = check_store(tmp_path).problems

    assert problem.file == MANIFEST
    assert "no relevance store here" in problem.found


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        check_store(tmp_path / "none.crp")
