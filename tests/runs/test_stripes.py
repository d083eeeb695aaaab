"""A run as a job array: jobs that know nothing of each other, then a merge."""

from pathlib import Path
from typing import Any

import pytest

from conceptlrp.errors import RunError, StoreError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunOptions, merge_run
from conceptlrp.store import Store
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.writing.shard_writer import pending
from tests.lrp.conftest import randomize
from tests.runs.computing import explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes
from tests.runs.killing import start_run


def job(
    network: OthelloNet, corpus: Corpus, path: Path, number: int, **changes: Any
) -> Store:
    options = {**OPTIONS, **changes}
    return explain_corpus(network, corpus, path, stripe=(number, 3), **options)


def test_jobs_in_any_order_and_a_merge_give_the_bytes_of_one_run(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"

    for number in (3, 1, 1, 2):
        job(small_network, random_positions, path, number)
    merged = merge_run(path, small_network)

    assert merged.manifest.is_complete
    assert_same_bytes(path, whole.path)


def test_a_job_computes_its_own_shards_only(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    store = job(small_network, random_positions, tmp_path / "run.crp", 1)

    assert [spec.index for spec in pending(tmp_path / "run.crp")] == [1, 2]
    assert store.ids.tolist() == [*range(6), *range(18, 24)]


def test_jobs_that_start_at_once_share_one_run(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"

    jobs = [
        start_run(
            small_network, random_positions, path, stripe=(number, 2), mode="create"
        )
        for number in (1, 2)
    ]
    for process in jobs:
        process.join()

    assert [process.exitcode for process in jobs] == [0, 0]
    merge_run(path, small_network, run=RunOptions(workers=2))
    assert_same_bytes(path, whole.path)


def test_a_job_needs_no_lock(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    job(small_network, random_positions, path, 1)

    with run_lock(path):
        job(small_network, random_positions, path, 2)

    assert [spec.index for spec in pending(path)] == [2]


def test_a_job_of_another_computation_is_refused(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    job(small_network, random_positions, path, 1)

    with pytest.raises(StoreError, match="references is 2 in the store, 5 now"):
        job(small_network, random_positions, path, 2, references=5)


def test_a_merge_names_the_shards_that_are_missing(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    job(small_network, random_positions, path, 2)

    with pytest.raises(
        RunError, match=r"3 of 4 shards are still to be computed \(0, 2, 3\)"
    ):
        merge_run(path, small_network)


def test_a_merge_without_reference_boards_needs_no_network(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    for number in (1, 2, 3):
        job(small_network, random_positions, path, number, references=0)

    assert len(merge_run(path)) == 24


def test_a_merge_asks_for_the_network_that_the_shards_had(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    for number in (1, 2, 3):
        job(small_network, random_positions, path, number)

    with pytest.raises(RunError, match=r"pass the network \(--network\)"):
        merge_run(path)
    with pytest.raises(RunError, match="were computed with another network"):
        merge_run(path, randomize(OthelloNet(channels=6), seed=1))


@pytest.mark.parametrize("option", ["overwrite", "append"])
def test_a_job_does_not_replace_what_others_write(
    option: str, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="joins the run that is there"):
        job(small_network, random_positions, tmp_path / "run.crp", 1, mode=option)


@pytest.mark.parametrize("stripe", [(0, 3), (4, 3), (1, 0)])
def test_a_stripe_that_makes_no_sense_is_refused(
    stripe: tuple[int, int],
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match=r"stripe is \d/\d, expected 1/N to N/N"):
        explain_corpus(
            small_network, random_positions, tmp_path / "run.crp", stripe=stripe
        )

    assert list(tmp_path.iterdir()) == []
