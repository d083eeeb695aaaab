"""Shards by time: how long a position takes decides how many a shard has."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted
from conceptlrp.store import Store, open_store
from conceptlrp.store.writing.shard_writer import pending, shards_of
from tests.runs.computing import explain_corpus

Slow = Callable[[float], None]
Run = Callable[..., Store]
BATCH = 2


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Return what makes every position take so many seconds, by the clock of runs."""
    clock = SimpleNamespace(now=0.0, each=0.0)
    summarize = Explainer.summarize

    def slowly(explainer: Explainer, positions: Corpus, **options: Any) -> Any:
        factor = 64 if options.get("conditional") else 1
        clock.now += clock.each * factor * len(positions)
        return summarize(explainer, positions, **options)

    monkeypatch.setattr(Explainer, "summarize", slowly)
    monkeypatch.setattr(
        "conceptlrp.runs.stages.time", SimpleNamespace(perf_counter=lambda: clock.now)
    )
    return lambda seconds: setattr(clock, "each", seconds)


@pytest.fixture
def run(small_network: OthelloNet, random_positions: Corpus, tmp_path: Path) -> Run:
    """Return a run of all positions, two at a time."""

    def attribute(**changes: Any) -> Store:
        options = {"batch_size": BATCH, "layers": "conv4", "references": 2, **changes}
        path = tmp_path / options.pop("name", "run.crp")
        return explain_corpus(small_network, random_positions, path, **options)

    return attribute


@pytest.mark.parametrize(
    ("seconds", "options", "expected"),
    [
        (100.0, {}, BATCH),
        (5.0, {}, 2),
        (2.0, {}, 4),
        (0.1, {}, 64),
        (1e-6, {}, 4096),
        (0.1, {"detail": "all"}, BATCH),
        (0.1, {"statistics": True}, BATCH),
        (0.1, {"detail": "sample", "sample": 1}, 16),
        (100.0, {"shard_size": 6}, 6),
    ],
)
def test_a_shard_takes_no_longer_than_it_may(
    seconds: float, options: dict[str, Any], expected: int, slow: Slow, run: Run
) -> None:
    slow(seconds)

    store = run(**options)

    assert store.manifest.plan.shard_size == expected
    assert len(shards_of(store.path)) == -(-len(store.positions) // expected)


def test_ctrl_c_keeps_the_shards_of_a_slow_network(
    slow: Slow, run: Run, tmp_path: Path
) -> None:
    slow(100.0)

    def stop(_stage: str, done: int, _total: int) -> None:
        if done >= 5 * BATCH:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted, match="shards finished, which are kept"):
        run(on_progress=stop)
    left = pending(tmp_path / "run.crp")
    slow(1e-6)
    resumed, at_once = run(mode="resume"), run(name="whole.crp")

    assert 4 <= len(shards_of(resumed.path)) - len(left) < len(shards_of(resumed.path))
    assert len(shards_of(resumed.path)) > len(shards_of(at_once.path)) == 1
    for layer in at_once.layers:
        found, expected = (s.arrays.relevance(layer) for s in (resumed, at_once))
        np.testing.assert_array_equal(found, expected)
        tables = [s.references(layer, "share-top") for s in (resumed, at_once)]
        np.testing.assert_array_equal(*(t.maps for t in tables if t is not None))


def test_games_that_are_appended_are_cut_anew(
    slow: Slow, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"batch_size": BATCH, "layers": "conv4", "references": 0}
    slow(1e-6)
    path = tmp_path / "run.crp"
    explain_corpus(small_network, random_positions[:10], path, **options)
    slow(100.0)

    explain_corpus(small_network, random_positions, path, mode="append", **options)

    sizes = [len(spec) for spec in shards_of(path)]
    assert sizes == [10, *[BATCH] * ((len(random_positions) - 10) // BATCH)]
    assert open_store(path).manifest.is_complete
