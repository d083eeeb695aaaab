"""Runs and workers killed at random moments, until the store is complete."""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conceptlrp.errors import ConceptLRPError
from conceptlrp.networks import demo_network
from conceptlrp.othello import Corpus
from conceptlrp.runs.executors import start_context
from conceptlrp.store import open_store
from conceptlrp.store.writing.shard_writer import pending, shards_of
from tests.runs.computing import explain_corpus
from tests.runs.conftest import contents

OPTIONS: dict[str, Any] = {"batch_size": 16, "shard_size": 32, "references": 2}


@dataclass(frozen=True)
class Outcome:
    """What became of a run that was killed.

    Attributes
    ----------
    kills : int
        How often.
    lost : int
        Shards that were finished before a kill and changed or missing after it.
    same : bool
        Whether the bytes are those of a run that nothing interrupted.
    seconds : float
        All of it.
    """

    kills: int
    lost: int
    same: bool
    seconds: float


def killed_run(corpus: Corpus, folder: Path, kills: int) -> Outcome:
    """Kill the process of a run again and again; it starts anew as often as needed."""
    whole, path = folder / "whole.crp", folder / "killed.crp"
    explain_corpus(demo_network(), corpus, whole, **OPTIONS)
    moments, begun = random.Random(0), time.monotonic()
    kept: dict[str, bytes] = {}
    n_kills = lost = 0
    while n_kills < kills:
        if path.exists() and open_store(path).manifest.is_complete:
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
            kept = {}
        process = _start(corpus, path)
        time.sleep(moments.uniform(0.05, 1.5))
        process.kill()
        process.join()
        n_kills += 1
        found = _finished(path)
        lost += sum(found.get(name) != content for name, content in kept.items())
        kept = found
    _end(corpus, path)
    same = contents(path) == contents(whole)
    return Outcome(n_kills, lost, same, time.monotonic() - begun)


def contested_starts(corpus: Corpus, folder: Path, rounds: int) -> Outcome:
    """Start two runs into one new store at once, again and again."""
    whole, begun, right = folder / "whole.crp", time.monotonic(), 0
    explain_corpus(demo_network(), corpus, whole, **OPTIONS)
    for number in range(rounds):
        path = folder / f"contested-{number}.crp"
        runs = [_start(corpus, path, resume=False) for _ in range(2)]
        for process in runs:
            process.join()
        one = sorted(process.exitcode for process in runs) == [0, 1]
        right += one and contents(path) == contents(whole)
    wrong = rounds - right
    return Outcome(rounds, wrong, wrong == 0, time.monotonic() - begun)


def _start(corpus: Corpus, path: Path, *, resume: bool = True) -> Any:
    process = start_context().Process(target=_attribute, args=(corpus, path, resume))
    process.start()
    return process


def _end(corpus: Corpus, path: Path) -> None:
    process = _start(corpus, path)
    process.join()
    if process.exitcode != 0:
        message = f"{path}: the last run ended with {process.exitcode}"
        raise SystemExit(message)


def _attribute(corpus: Corpus, path: Path, resume: bool) -> None:
    try:
        explain_corpus(
            demo_network(),
            corpus,
            path,
            mode="resume" if resume else "create",
            **OPTIONS,
        )
    except ConceptLRPError as error:
        raise SystemExit(1) from error


def _finished(path: Path) -> dict[str, bytes]:
    """Return the bytes of the shards that count as finished."""
    if not (path / "manifest.json").is_file():
        return {}
    missing = {spec.file for spec in pending(path)}
    return {
        spec.file: (path / spec.file).read_bytes()
        for spec in shards_of(path)
        if spec.file not in missing
    }


def killed_workers(corpus: Corpus, folder: Path, kills: int) -> Outcome:
    """Kill a random worker of a Dask cluster again and again during runs."""
    from distributed import Client

    from tests.runs.cluster import cluster

    whole = folder / "whole.crp"
    explain_corpus(demo_network(), corpus, whole, **OPTIONS)
    chance, begun = random.Random(1), time.monotonic()
    n_kills, lost, same = 0, 0, True
    with (
        cluster(folder) as dask,
        Client(dask.address, set_as_default=False) as watcher,
    ):
        while n_kills < kills:
            path = folder / f"killed-{n_kills}.crp"
            killer = _Killer(watcher, path, kills - n_kills, chance)
            explain_corpus(
                demo_network(),
                corpus,
                path,
                scheduler=dask.address,
                on_progress=killer,
                **OPTIONS,
            )
            found = contents(path)
            n_kills += killer.kills
            lost += sum(found.get(n) != content for n, content in killer.kept.items())
            same = same and found == contents(whole)
    return Outcome(n_kills, lost, same, time.monotonic() - begun)


class _Killer:
    """Kills a worker now and then while a run goes on."""

    def __init__(
        self, client: Any, path: Path, most: int, chance: random.Random
    ) -> None:
        self.client = client
        self.path = path
        self.most = most
        self.chance = chance
        self.kills = 0
        self.kept: dict[str, bytes] = {}

    def __call__(self, *_step: object) -> None:
        if self.kills == self.most or self.chance.random() > 0.2:
            return
        workers = list(self.client.run(os.getpid, on_error="ignore").values())
        if workers:
            self.kept |= _finished(self.path)
            os.kill(self.chance.choice(workers), signal.SIGKILL)
            self.kills += 1
