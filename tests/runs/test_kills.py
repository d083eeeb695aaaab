"""Runs that are killed, interrupted and terminated, in processes of their own."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted
from conceptlrp.runs.executors import Watch
from conceptlrp.store import Store
from conceptlrp.store.writing.shard_writer import pending
from tests.runs.conftest import assert_same_bytes
from tests.runs.killing import start_run, wait_for


def finished(path: Path) -> dict[str, bytes]:
    """Return the bytes of the shards that have a receipt, maybe while others come."""
    receipts = [receipt.with_suffix(".h5") for receipt in path.glob("shard-*.json")]
    return {shard.name: shard.read_bytes() for shard in receipts}


@pytest.mark.parametrize("workers", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(
    workers: int | None,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"
    moments = random.Random(5)
    kept: dict[str, bytes] = {}
    for _ in range(5 if workers is None else 2):
        process = start_run(
            small_network, random_positions, path, workers=workers, pause=0.02
        )
        wait_for(lambda: (path / "lock").exists())
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        process.join()

        found = finished(path)
        assert {name: found.get(name) for name in kept} == kept
        kept = found

    last = start_run(small_network, random_positions, path, workers=workers)
    last.join()

    assert last.exitcode == 0
    assert_same_bytes(path, whole.path)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("workers", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_signal_ends_a_run_in_order(
    number: signal.Signals,
    workers: int | None,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"
    process = start_run(
        small_network, random_positions, path, workers=workers, pause=0.1
    )
    wait_for(lambda: len(finished(path)) > 0)

    begun = time.monotonic()
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()

    assert time.monotonic() - begun < 5
    assert process.exitcode == 130
    message = (tmp_path / "message").read_text()
    assert f"{path}: interrupted with" in message
    assert "of 4 shards finished, which are kept" in message
    assert not (path / "lock").exists()
    assert pending(path)
    start_run(small_network, random_positions, path).join()
    assert_same_bytes(path, whole.path)


@pytest.mark.slow
def test_one_of_several_runs_at_once_goes_on(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"

    runs = [
        start_run(small_network, random_positions, path, pause=0.05) for _ in range(4)
    ]
    for process in runs:
        process.join()

    assert sorted(process.exitcode for process in runs) == [0, 1, 1, 1]
    assert_same_bytes(path, whole.path)


def test_the_lock_of_a_killed_run_is_taken_over(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    first = start_run(small_network, random_positions, path, pause=0.1)
    wait_for(lambda: len(finished(path)) > 0)
    first.kill()
    first.join()
    assert (path / "lock").exists()

    second = start_run(small_network, random_positions, path)
    second.join()

    assert second.exitcode == 0
    assert_same_bytes(path, whole.path)


def test_signals_are_handled_as_before_once_a_run_has_ended() -> None:
    before: list[Any] = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    watch = Watch()

    with watch.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(RunInterrupted):
        watch.check()


def test_a_second_ctrl_c_does_not_wait() -> None:
    watch = Watch()

    with watch.signals():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_program_that_handles_a_signal_itself_goes_on_doing_so() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    watch = Watch()
    try:
        with watch.signals():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert seen == [signal.SIGTERM]
    watch.check()
