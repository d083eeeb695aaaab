"""The verbs that look after a store: info, check, repack."""

import json
import shutil
from pathlib import Path

import pytest

from conceptlrp import progress
from conceptlrp.store import check_store, open_store
from tests.command_line import run, succeed


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / "run.crp", tmp_path / "run.crp"))


def test_a_store_is_described_in_words_and_as_json(folder: Path) -> None:
    store = open_store(folder / "run.crp")

    text = succeed("info", store.path)
    found = json.loads(succeed("info", store.path, "--json"))

    for word in ("complete", "conv1", "played, value", "float32", "zstd", "checksum"):
        assert word in text
    assert found["rows"] == found["positions"] == len(store)
    assert set(found["layer_bytes"]) == set(store.layers)
    assert found["plan"]["targets"] == ["played", "value"]


def test_a_whole_store_is_whole(folder: Path) -> None:
    assert "whole" in succeed("check", folder / "run.crp")
    assert json.loads(succeed("check", folder / "run.crp", "--json"))["is_good"]


def test_damage_is_listed_and_exits_with_1(copy: Path) -> None:
    (copy / "shard-00000.h5").write_bytes(b"no shard")

    result = run("check", copy)
    as_json = run("check", copy, "--json")

    assert (result.code, as_json.code) == (1, 1)
    assert result.err.startswith(f"conceptlrp: {copy}: shard-00000.h5 has 8 bytes")
    assert result.err.count("\n") == 1
    assert "shard-00000.h5" in result.out
    (problem,) = json.loads(as_json.out)["problems"]
    assert problem["file"] == "shard-00000.h5"


def test_verbs_that_read_a_whole_store_say_how_long_they_still_take(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder / "run.crp"
    files = len(open_store(store).manifest.files)
    lines = {
        "check": (store,),
        "compare": (store, store, "--layer", "conv1", "--layer", "conv4"),
        "repack": (store, tmp_path / "out.crp"),
    }
    expected = {"check": files, "compare": 2, "repack": files}

    for verb, words in lines.items():
        told: list[tuple[str, int, int]] = []
        monkeypatch.setattr(progress, "_lines", lambda told=told: record(told))
        succeed(verb, *words)
        assert [each[1:] for each in told] == [
            (done, expected[verb]) for done in range(1, expected[verb] + 1)
        ]
        assert len({stage for stage, *_ in told}) == 1


def record(told: list[tuple[str, int, int]]) -> progress.OnProgress:
    return lambda *each: told.append(each)


def test_a_folder_that_is_no_store_is_told_of(tmp_path: Path) -> None:
    result = run("check", tmp_path)

    assert result.code == 1
    assert "no relevance store here" in result.err


@pytest.mark.parametrize("codec", ["gzip", "none"])
def test_a_store_is_repacked(codec: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.crp"

    text = succeed("repack", folder / "run.crp", out, "--codec", codec)

    assert text == f"{out}: packed with {codec}\n"
    assert check_store(out).is_good
    expected = open_store(folder / "run.crp").arrays.share("conv4")
    assert (open_store(out).arrays.share("conv4") == expected).all()
