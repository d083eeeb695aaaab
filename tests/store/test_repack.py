"""Repacking a store: equal arrays, readable without plugins."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.othello import Corpus
from conceptlrp.store import check_store, open_store, repack_store
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import LAYERS, MakeStore, planted_plan

# A program that knows HDF5 alone, as it comes with h5py.
PLAIN_READER = """
import json, sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    column = file["layers/conv2/relevance"][:, 0, 3]
    print(json.dumps([float(value) for value in column]))
assert "hdf5plugin" not in sys.modules
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, write_store: MakeStore) -> Path:
    return write_store(tmp_path_factory.mktemp("repack") / "packed.crp").path


@pytest.mark.parametrize("codec", ["gzip", "none", "zstd"])
def test_a_repacked_store_is_whole_and_equal(
    codec: str, packed: Path, tmp_path: Path
) -> None:
    out = repack_store(packed, tmp_path / "out.crp", codec=codec)

    assert check_store(out).is_good
    assert [path.name for path in tmp_path.iterdir()] == ["out.crp"]
    one, other = open_store(packed), open_store(out)
    assert other.manifest.plan == one.manifest.plan
    assert other.manifest.codec == codec
    for layer in LAYERS:
        for name in ("relevance", "activation", "peak", "peak_square", "share"):
            expected = getattr(one.arrays, name)(layer)
            np.testing.assert_array_equal(getattr(other.arrays, name)(layer), expected)
        np.testing.assert_array_equal(other.top(layer, 2).rows, one.top(layer, 2).rows)
    assert other.positions.digest == one.positions.digest


@pytest.mark.parametrize("codec", ["gzip", "none"])
def test_other_programs_read_a_repacked_store_without_a_plugin(
    codec: str, packed: Path, tmp_path: Path
) -> None:
    out = repack_store(packed, tmp_path / "out.crp", codec=codec)

    printed = subprocess.run(
        [sys.executable, "-c", PLAIN_READER, "index.h5"],
        cwd=out,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    expected = open_store(packed).arrays.relevance("conv2", channels=[3])[:, 0]
    np.testing.assert_array_equal(json.loads(printed), expected)


def test_a_damaged_store_is_not_repacked(
    write_store: MakeStore, tmp_path: Path
) -> None:
    path = write_store(tmp_path / "damaged.crp").path
    shard = path / "shard-00001.h5"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)

    with pytest.raises(StoreError, match=r"shard-00001\.h5: has"):
        repack_store(path, tmp_path / "out.crp")

    assert not (tmp_path / "out.crp").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_replaced_and_a_running_store_is_refused(
    packed: Path, tmp_path: Path, corpus: Corpus
) -> None:
    create_run(tmp_path / "running.crp", planted_plan(corpus), corpus)
    (tmp_path / "mine").write_text("mine")

    with pytest.raises(OutputExistsError, match="already exists"):
        repack_store(packed, tmp_path / "mine")
    with pytest.raises(StoreError, match="the run is not complete"):
        repack_store(tmp_path / "running.crp", tmp_path / "out.crp")
    with pytest.raises(ValueError, match="codec is 'lzf', expected one of zstd"):
        repack_store(packed, tmp_path / "out.crp", codec="lzf")
