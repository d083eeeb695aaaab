"""The stages of a run: positions, then reference heatmaps, then the whole."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conceptlrp.runs.distributed import Distributed
from conceptlrp.runs.executors import Executor, InProcess, RunInterrupted, Watch
from conceptlrp.runs.job import Job
from conceptlrp.runs.options import RunOptions
from conceptlrp.runs.processes import Processes
from conceptlrp.runs.references import (
    Rankings,
    maps_of_blocks,
    rank_references,
    reference_blocks,
    reference_tables,
)
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.finish import finish_run, has_references
from conceptlrp.store.writing.shard_writer import (
    pending,
    pending_blocks,
    read_blocks,
    shards_of,
)

Arrays = dict[str, NDArray[Any]]


def choose_executor(run: RunOptions) -> Executor:
    """Return what computes the parts of a run."""
    if run.scheduler is not None:
        return Distributed(run.scheduler)
    return InProcess() if run.workers is None else Processes(run.workers)


@contextmanager
def stoppable(path: str, watch: Watch) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a run in order, and say what it leaves."""
    with watch.signals():
        try:
            yield
        except KeyboardInterrupt:
            raise RunInterrupted(_what_is_kept(path)) from None


def _what_is_kept(path: str) -> str:
    if not is_store(Path(path)):
        return f"{path}: interrupted before it began"
    n_shards = len(shards_of(path))
    finished = n_shards - len(pending(path))
    return (
        f"{path}: interrupted with {finished} of {n_shards} shards finished, which "
        "are kept; run the same again and ask to resume (--resume)"
    )


def complete_run(job: Job, executor: Executor, watch: Watch, *, verify: bool) -> None:
    """Compute what is missing of a run and make the store of it."""
    specs = pending(job.path, verify=verify)
    n_positions = len(job.corpus)
    missing = sum(len(spec) for spec in specs)
    watch.begin("positions", n_positions, done=n_positions - missing)
    for _ in executor.run(job, specs, watch):
        watch.check()
    tables = None if has_references(job.path) else _references(job, executor, watch)
    finish_run(job.path, references=tables)


def _references(job: Job, executor: Executor, watch: Watch) -> Arrays:
    """Rank all positions, compute the maps of the best, and lay them out."""
    store = _sums(job)
    n_tables = len(store.targets) * len(REFERENCE_KINDS) * len(store.layers)
    watch.begin("reference tables", n_tables)
    rankings = rank_references(store, job.plan.references, on_ranked=watch.advance)
    return _mapped(job, executor, watch, rankings)


def _sums(job: Job) -> Store:
    """Open the store, whose shards are complete, even if other parts are damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_store(job.path, damaged="skip")


def _mapped(job: Job, executor: Executor, watch: Watch, rankings: Rankings) -> Arrays:
    blocks = reference_blocks(rankings, job.layers, job.batch_size)
    missing = set(pending_blocks(job.path, len(blocks)))
    wanted = [block for block in blocks if block.index in missing]
    n_maps = sum(len(block) for block in blocks)
    done = n_maps - sum(len(block) for block in wanted)
    watch.begin("reference heatmaps", n_maps, done=done)
    for _ in executor.run(job, wanted, watch):
        watch.check()
    computed = {n: block for n, block in read_blocks(job.path) if n < len(blocks)}
    maps = maps_of_blocks(computed)
    return reference_tables(rankings, job.layers, maps, job.corpus.size)
