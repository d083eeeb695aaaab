"""A function of parts gives the same whoever computes it, or one clear error."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp.ablation import ablate
from conceptlrp.errors import RunError
from conceptlrp.labelling import (
    EditedBoards,
    Interchange,
    LabelCriteria,
    LabelOptions,
    ScoredLabels,
    label,
)
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted, RunOptions
from conceptlrp.runs.job import TaskPart
from conceptlrp.runs.stages import spread
from conceptlrp.store import Store
from tests.othello.playouts import random_games
from tests.runs.cluster import cluster as dask_cluster
from tests.runs.computing import explain_corpus

OnRows = Callable[[int], None]
TWO = RunOptions(workers=2)


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    return OthelloNet(channels=6).eval()


@pytest.fixture(scope="module")
def games(network: OthelloNet, tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("spread") / "run.crp"
    corpus = Corpus.from_games(random_games(24, seed=3))[::6]
    found: Store = explain_corpus(network, corpus, path, layers=["conv2"])
    return found


def _labels(store: Store, network: OthelloNet, run: RunOptions | None) -> Any:
    few = {"n_maps": 20, "n_random": 2, "n_recipients": 20, "n_edits": 8}
    asked = LabelOptions(
        **few, criteria=LabelCriteria(permutations=10, games=3), run=run
    )
    label(store, network, options=asked, n_positions=80, overwrite=True)
    kinds = ScoredLabels, Interchange, EditedBoards
    return [store.results.get(kind).to_dict() for kind in kinds]


VERBS: dict[str, Callable[[Store, OthelloNet, RunOptions | None], Any]] = {
    "ablate": lambda store, network, run: ablate(
        store, network, n_positions=100, save=False, run=run
    ).to_dict(),
    "label": _labels,
}


@pytest.mark.parametrize(
    "verb", ["ablate", pytest.param("label", marks=pytest.mark.slow)]
)
def test_two_processes_find_what_this_one_does(
    verb: str, games: Store, network: OthelloNet
) -> None:
    here = VERBS[verb](games, network, None)

    there = VERBS[verb](games, network, TWO)

    np.testing.assert_equal(there, here)


def test_parts_come_in_their_order_and_are_counted() -> None:
    told: list[tuple[str, int, int]] = []

    def squares(part: TaskPart, on_rows: OnRows) -> list[int]:
        on_rows(len(part))
        return [i * i for i in range(part.start, part.stop)]

    found = spread(squares, [3, 3, 0, 1], "sums", TWO, lambda *each: told.append(each))

    assert found == [[0, 1, 4], [9, 16, 25], [], [36]]
    assert sorted(told)[-1] == ("sums", 7, 7)


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_worker_that_dies_is_replaced_until_a_part_ended_three(
    deaths: int, tmp_path: Path
) -> None:
    def die(part: TaskPart, on_rows: OnRows) -> int:
        graves = list(tmp_path.iterdir())
        if part.index == 1 and len(graves) < deaths:
            (tmp_path / str(len(graves))).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return part.index

    if deaths == 2:
        assert spread(die, [1, 1, 1], "graves", TWO) == [0, 1, 2]
        return
    with pytest.raises(RunError, match=r"part 1 ended 3 .* signal 9; nothing was wr"):
        spread(die, [1, 1, 1], "graves", TWO)


@pytest.mark.parametrize("run", [None, TWO])
def test_an_error_of_a_part_is_raised_here(run: RunOptions | None) -> None:
    def fail(part: TaskPart, on_rows: OnRows) -> None:
        msg = f"part {part.index} is odd"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="part 0 is odd"):
        spread(fail, [1], "odd", run)


@pytest.mark.parametrize("run", [None, TWO])
def test_ctrl_c_says_that_nothing_was_written(
    run: RunOptions | None, games: Store, network: OthelloNet
) -> None:
    def press(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = sorted(games.path.iterdir())

    with pytest.raises(RunInterrupted, match="interrupted in 'ablate', nothing was w"):
        ablate(games, network, n_positions=100, run=run, on_progress=press)

    assert sorted(games.path.iterdir()) == before


def test_what_cannot_be_sent_is_named() -> None:
    held = threading.Lock()

    with pytest.raises(RunError, match="the computation cannot be sent to another pr"):
        spread(lambda *_: held, [1, 1], "locks", TWO)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("distributed", reason="conceptlrp[distributed] is missing")
    with dask_cluster(tmp_path_factory.mktemp("dask")) as found:
        yield found.address


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_a_dask_cluster_finds_what_this_process_does(
    verb: str, games: Store, network: OthelloNet, scheduler: str
) -> None:
    here = VERBS[verb](games, network, None)

    there = VERBS[verb](games, network, RunOptions(scheduler=scheduler))

    np.testing.assert_equal(there, here)
