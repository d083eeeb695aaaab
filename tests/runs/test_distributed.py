"""A run on a real Dask cluster: a scheduler and two workers from the command line."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conceptlrp.errors import RunError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store
from conceptlrp.store.writing.shard_writer import pending
from tests.runs.cluster import cluster, free_port
from tests.runs.computing import explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes
from tests.runs.poison import poisoned_composite

distributed = pytest.importorskip(
    "distributed", reason="the extra conceptlrp[distributed] is not installed"
)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a scheduler with two workers."""
    with cluster(tmp_path_factory.mktemp("dask")) as found:
        yield found.address


def workers_of(scheduler: str) -> list[int]:
    """Return the process of each worker."""
    with distributed.Client(scheduler, timeout=30, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_of_a_run_in_this_process(
    scheduler: str,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"

    with distributed.Client(scheduler, timeout=30, set_as_default=False) as client:
        explain_corpus(
            small_network, random_positions, path, scheduler=client, **OPTIONS
        )
        assert client.status == "running"

    assert_same_bytes(path, whole.path)


@pytest.mark.slow
def test_a_cluster_explains_above_the_mean_of_the_run(
    scheduler: str, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    options = {**OPTIONS, "composite": "epsilon+epsilon-gamma", "baseline": "mean"}
    paths = [tmp_path / "one.crp", tmp_path / "other.crp"]

    explain_corpus(small_network, random_positions, paths[0], **options)
    explain_corpus(
        small_network, random_positions, paths[1], scheduler=scheduler, **options
    )

    assert_same_bytes(*paths)


@pytest.mark.slow
def test_a_run_outlives_a_worker_that_is_killed(
    scheduler: str,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path, killed = tmp_path / "run.crp", []

    def kill(_stage: str, done: int, _total: int) -> None:
        if not killed and done >= 6:
            killed.append(workers_of(scheduler)[0])
            os.kill(killed[0], signal.SIGKILL)

    explain_corpus(
        small_network,
        random_positions,
        path,
        scheduler=scheduler,
        on_progress=kill,
        **OPTIONS,
    )

    assert killed
    assert killed[0] not in workers_of(scheduler)
    assert_same_bytes(path, whole.path)


@pytest.mark.slow
def test_a_part_that_ends_all_workers_is_given_up(
    scheduler: str,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    (tmp_path / "graves").mkdir()
    composite = poisoned_composite(random_positions, 13, tmp_path / "graves", deaths=8)
    options: dict[str, Any] = {**OPTIONS, "composite": composite}
    path = tmp_path / "run.crp"

    with pytest.raises(RunError, match=r"shard 2 \(positions 12 to 17\) ended its wo"):
        explain_corpus(
            small_network, random_positions, path, scheduler=scheduler, **options
        )

    assert [spec.index for spec in pending(path)] == [2]
    store = explain_corpus(
        small_network, random_positions, path, mode="resume", **options
    )
    assert len(store) == 24


@pytest.mark.slow
def test_an_error_of_a_worker_is_raised_here(
    scheduler: str, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    large = OthelloNet(channels=6).eval()
    large.load_state_dict(small_network.state_dict())
    large.bn1.weight.data *= 1e6

    with pytest.raises(RunError, match="too large for float16"):
        explain_corpus(
            large, random_positions, path, scheduler=scheduler, dtype="float16"
        )


@pytest.mark.slow
def test_a_run_outlives_its_scheduler(
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"
    with cluster(tmp_path) as found:

        def kill(_stage: str, done: int, _total: int) -> None:
            if done >= 12:
                found.scheduler.kill()

        with pytest.raises(RunError, match="the Dask scheduler is gone"):
            explain_corpus(
                small_network,
                random_positions,
                path,
                scheduler=found.address,
                on_progress=kill,
                **OPTIONS,
            )

    explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)
    assert_same_bytes(path, whole.path)


def test_a_scheduler_that_does_not_answer_is_named(
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("conceptlrp.runs.distributed.CONNECTING", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"

    with pytest.raises(RunError, match=f"{address}: no Dask scheduler answers there"):
        explain_corpus(
            small_network, random_positions, tmp_path / "run.crp", scheduler=address
        )
