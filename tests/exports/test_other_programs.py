"""scanpy, Polars and DuckDB, in an environment of their own, use what was exported."""

import json
from pathlib import Path

import numpy as np
import pytest

from conceptlrp import exports
from conceptlrp.exports import Selection
from tests.benchmarks.environments import EnvironmentUnavailableError
from tests.exports.conftest import PLAIN
from tests.exports.programs import run_python, scanpy_python

pytestmark = pytest.mark.slow

WORKERS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def python():
    try:
        return scanpy_python()
    except EnvironmentUnavailableError as error:
        pytest.skip(f"scanpy's environment cannot be made: {error}")


def test_scanpy_finds_the_planted_groups_and_their_channels(store, python, tmp_path):
    path = exports.h5ad(store, tmp_path / "conv1.h5ad", PLAIN)

    found = json.loads(run_python(python, WORKERS / "scanpy_worker.py", path, 0.1))

    relevance = store.arrays.relevance(PLAIN)
    assert found["shape"] == list(relevance.shape)
    assert found["sum"] == pytest.approx(relevance.sum(dtype=np.float64))
    assert found["backed"]
    assert found["same on disk"]
    # Even games have relevance planted in channel 0, odd ones in channel 1.
    for group, marker in found["markers"].items():
        parity = np.bincount(store.positions.game[found["rows"][group]] % 2).argmax()
        assert marker == f"c{parity:04d}"
    assert set(found["markers"].values()) == {"c0000", "c0001"}


def test_polars_and_duckdb_join_the_tables_alike(store, python, tmp_path):
    out = exports.parquet(store, tmp_path / "tables", Selection([PLAIN]))

    found = json.loads(run_python(python, WORKERS / "tables_worker.py", out))

    column = store.arrays.relevance(PLAIN)[:, 1].astype(np.float64)
    mover = store.columns.metadata.column("mover")
    sums = {side: column[mover == side].sum() for side in ("black", "white")}
    assert found["by polars"] == pytest.approx(sums)
    assert found["by duckdb"] == pytest.approx(sums)
    assert found["long"] == [6 * len(store), 3]
    assert found["black"] == store.positions.black.tolist()
