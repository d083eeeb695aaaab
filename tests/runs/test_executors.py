"""The bytes of a run do not depend on what computes it, nor on how it is cut."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conceptlrp.errors import RunError, TargetError
from conceptlrp.lrp import Move
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted, RunOptions
from conceptlrp.runs.executors import Executor, InProcess, Processes, Watch
from conceptlrp.runs.job import Job, make_spec
from conceptlrp.store import Store, open_store
from conceptlrp.store.writing.shard_writer import pending
from tests.runs.computing import Steps, explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes
from tests.runs.poison import poisoned_composite

Run = Callable[..., Store]


@pytest.fixture
def run(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> Iterator[Run]:
    """Return the run of `whole` in a folder of its own, with changes."""

    def attribute(**changes: Any) -> Store:
        options = {**OPTIONS, **changes}
        return explain_corpus(
            small_network, random_positions, tmp_path / "run.crp", **options
        )

    yield attribute
    assert not (tmp_path / "run.crp" / "lock").exists()


@pytest.mark.parametrize(
    "workers",
    [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))],
)
def test_processes_give_the_bytes_of_a_run_in_this_process(
    workers: int, run: Run, whole: Store
) -> None:
    assert_same_bytes(run(workers=workers).path, whole.path)


@pytest.mark.parametrize(
    "threads", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))]
)
def test_the_number_of_threads_changes_no_byte(
    threads: int, run: Run, whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "conceptlrp.runs.stages.InProcess", lambda: InProcess(threads=threads)
    )
    before = torch.get_num_threads()

    found = run()

    assert_same_bytes(found.path, whole.path)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "shard_size", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 30))]
)
def test_the_size_of_shards_changes_no_number(
    shard_size: int, run: Run, whole: Store
) -> None:
    found = run(shard_size=shard_size)

    for layer in whole.layers:
        for target in whole.targets:
            np.testing.assert_array_equal(
                found.arrays.relevance(layer, target=target),
                whole.arrays.relevance(layer, target=target),
            )
            for kind in ("share-top", "activation-top"):
                here = found.references(layer, kind, target=target)
                there = whole.references(layer, kind, target=target)
                assert here is not None
                assert there is not None
                np.testing.assert_array_equal(here.rows, there.rows)
                np.testing.assert_array_equal(here.maps, there.maps)
    name = "statistics.h5"
    assert (found.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_shard_that_cuts_a_batch_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="expected a multiple of the batch_size 3"):
        run(shard_size=4)


def test_a_process_that_dies_is_replaced(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    (tmp_path / "graves").mkdir()
    composite = poisoned_composite(random_positions, 13, tmp_path / "graves", deaths=2)
    steps = Steps()

    store = explain_corpus(
        small_network,
        random_positions,
        tmp_path / "run.crp",
        composite=composite,
        workers=2,
        on_progress=steps,
        **OPTIONS,
    )

    assert len(list((tmp_path / "graves").iterdir())) == 2
    assert len(store) == 24
    last = [step for step in steps if step.stage == "positions"][-1]
    assert last.done == last.total == 24


def test_a_part_that_ends_every_process_is_named_and_the_rest_is_kept(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    (tmp_path / "graves").mkdir()
    composite = poisoned_composite(random_positions, 13, tmp_path / "graves", deaths=3)

    def attribute(**changes: Any) -> Store:
        return explain_corpus(
            small_network,
            random_positions,
            tmp_path / "run.crp",
            composite=composite,
            **{**OPTIONS, **changes},
        )

    with pytest.raises(
        RunError, match=r"shard 2 \(positions 12 to 17\) ended 3 processes.*signal 9"
    ):
        attribute(workers=2)

    assert [spec.index for spec in pending(tmp_path / "run.crp")] == [2]
    assert len(attribute(mode="resume")) == 24


def test_what_cannot_be_pickled_is_named(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    composite = poisoned_composite(random_positions, 0, tmp_path, deaths=0)
    rule = composite.module_map({}, "conv1", small_network.conv1)
    rule.held = threading.Lock()

    with pytest.raises(RunError, match="the composite cannot be sent to another proc"):
        explain_corpus(
            small_network,
            random_positions,
            tmp_path / "run.crp",
            composite=composite,
            workers=1,
        )


def test_an_error_in_a_process_is_raised_here(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    nan = OthelloNet(channels=6).eval()
    nan.load_state_dict(small_network.state_dict())
    nan.bn4.bias.data[0] = float("inf")

    for workers in (None, 1):
        with pytest.raises(ValueError, match=r"not finite|differ"):
            explain_corpus(
                nan,
                random_positions,
                tmp_path / f"{workers}.crp",
                workers=workers,
            )


def test_one_way_to_compute_is_chosen(run: Run) -> None:
    with pytest.raises(ValueError, match="workers, a scheduler or stripes; choose one"):
        run(workers=2, stripe=(1, 2))
    with pytest.raises(ValueError, match="workers is 0, expected at least 1"):
        run(workers=0)


@pytest.mark.parametrize("executor", [InProcess(2), Processes(1)])
def test_a_stopped_watch_ends_an_executor_at_once(
    executor: Executor,
    small_network: OthelloNet,
    random_positions: Corpus,
    whole: Store,
) -> None:
    spec, explainer = make_spec(
        whole.path,
        small_network,
        (None, None),
        whole.layers,
        whole.targets,
        RunOptions(),
    )
    job = Job(spec, explainer, random_positions)
    watch = Watch()
    watch.stop()

    with pytest.raises(RunInterrupted):
        list(executor.run(job, whole.manifest.shards(), watch))


def test_a_target_without_a_move_is_found_before_a_folder_is_made(
    run: Run, tmp_path: Path
) -> None:
    with pytest.raises(TargetError, match="is not legal"):
        run(targets=[Move(27)], workers=1)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    from tests.runs.killing import start_run, wait_for

    process = start_run(
        small_network, random_positions, tmp_path / "run.crp", workers=2
    )
    wait_for(lambda: len(list(tmp_path.glob("run.crp/shard-*.json"))) > 0)

    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    time.sleep(1.0)
    finished = [spec.index for spec in pending(tmp_path / "run.crp")]
    time.sleep(0.5)

    assert [spec.index for spec in pending(tmp_path / "run.crp")] == finished
    assert len(open_store(tmp_path / "run.crp")) < 24
