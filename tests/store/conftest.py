"""Stores of random numbers that are known, so that reading can be compared."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp.othello import Corpus
from conceptlrp.store import Plan, Store
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, write_shard
from conceptlrp.store.writing.writer import create_run
from tests.othello.playouts import random_games

LAYERS = {"conv1": 5, "conv2": 70}
TARGETS = ("played", "value")
Arrays = dict[str, np.ndarray]
MakeStore = Callable[..., Store]


def planted_corpus() -> Corpus:
    return Corpus.from_games(random_games(4, seed=5))[::2]


def planted_arrays(corpus: Corpus) -> Arrays:
    """Return what a store of the corpus shall hold, by dataset name."""
    rng = np.random.default_rng(0)
    n = len(corpus)
    arrays = {
        "outputs/logits": rng.normal(size=(n, 65)),
        "outputs/value": rng.normal(size=n),
        "targets/square": rng.integers(-1, 64, (n, 2)).astype(np.int8),
        "targets/explained": rng.normal(size=(n, 2)),
        "targets/heatmap": rng.normal(size=(n, 2, 8, 8)),
    }
    for layer, channels in LAYERS.items():
        # Few different numbers, so that there are ties to break.
        relevance = rng.integers(-4, 5, (n, 2, channels)).astype(np.float32)
        arrays[f"layers/{layer}/relevance"] = relevance
        arrays[f"layers/{layer}/norm"] = np.abs(relevance).sum(2)
        arrays[f"layers/{layer}/activation"] = rng.integers(0, 5, (n, channels)) / 2
        arrays[f"layers/{layer}/peak"] = rng.integers(0, 3, (n, channels)) / 4
        squares = rng.integers(0, 64, (n, channels)).astype(np.int8)
        arrays[f"layers/{layer}/peak_square"] = squares
    return {
        name: a.astype(np.float32) if a.dtype.kind == "f" else a
        for name, a in arrays.items()
    }


def ranked_by_hand(
    scores: np.ndarray,
    k: int,
    *,
    by: str,
    lowest: bool,
    groups: np.ndarray | None = None,
) -> list[int]:
    """Sort all rows by score, then number, and take those that are not 0 or wrong."""
    taken: list[int] = []
    sign = 1 if lowest else -1
    seen: set[int] = set()
    for row in sorted(range(len(scores)), key=lambda r: (sign * scores[r], r)):
        signed = not lowest or by in ("share", "relevance")
        wrong = sign * scores[row] >= 0 if signed else scores[row] == 0
        group = row if groups is None else int(groups[row])
        if not wrong and group not in seen and len(taken) < k:
            seen.add(group)
            taken.append(row)
    return taken


def planted_plan(corpus: Corpus, **changes: Any) -> Plan:
    """Return the plan of a store of the corpus in shards of 50 positions."""
    known: dict[str, Any] = {
        "network": {"name": "planted", "digest": "5f1c"},
        "corpus": {"digest": corpus.digest, "positions": len(corpus), "games": 4},
        "composite": {"name": "none"},
        "targets": TARGETS,
        "layers": {
            name: {"channels": channels, "height": 8, "width": 8}
            for name, channels in LAYERS.items()
        },
        "shard_size": 50,
    }
    return Plan(**{**known, **changes})


def fill(path: Path, arrays: Arrays, specs: Sequence[ShardSpec] | None = None) -> None:
    """Write the shards of a run, all that are pending unless some are given."""
    for spec in pending(path) if specs is None else specs:
        rows = slice(spec.start, spec.stop)
        write_shard(path, spec, {name: a[rows] for name, a in arrays.items()})


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return planted_corpus()


@pytest.fixture(scope="session")
def arrays(corpus: Corpus) -> Arrays:
    return planted_arrays(corpus)


@pytest.fixture(scope="session")
def write_store(corpus: Corpus, arrays: Arrays) -> MakeStore:
    def write(
        path: Path, *, overwrite: bool = False, codec: str = "zstd", **changes: Any
    ) -> Store:
        plan = planted_plan(corpus, **changes)
        create_run(path, plan, corpus, overwrite=overwrite, codec=codec)
        fill(path, arrays)
        return Store(finish_run(path))

    return write


@pytest.fixture(scope="session")
def planted_store(
    write_store: MakeStore, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """Return a store of three shards that no test changes."""
    return write_store(tmp_path_factory.mktemp("planted") / "run.crp")
