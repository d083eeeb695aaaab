"""Who computes the parts of a run: the protocol of executors, and the plainest.

Parts are shards and blocks of reference heatmaps. An executor may compute them
in any order, anywhere and more than once; the bytes are the same.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import Protocol

import torch

from conceptlrp.lrp.inputs import products_in
from conceptlrp.runs.job import Job, torch_threads
from conceptlrp.runs.references import BlockSpec, compute_block
from conceptlrp.runs.shard import OnRows, compute_shard
from conceptlrp.runs.watch import Watch
from conceptlrp.store.manifest import ShardSpec
from conceptlrp.store.receipts import Receipt

PartSpec = ShardSpec | BlockSpec
_MOST_THREADS = 4


class Executor(Protocol):
    """Computes parts of a run."""

    def run(
        self, job: Job, specs: Sequence[PartSpec], watch: Watch
    ) -> Iterator[Receipt]:
        """Compute parts and return their receipts as they come."""


def compute_part(job: Job, spec: PartSpec, on_rows: OnRows) -> Receipt:
    """Compute one part of a run and write it."""
    if isinstance(spec, BlockSpec):
        return compute_block(job, spec, on_rows)
    return compute_shard(job, spec, on_rows)


def part_name(spec: PartSpec) -> str:
    """Say what a part is, for messages."""
    if isinstance(spec, BlockSpec):
        return f"block {spec.index} of the reference heatmaps"
    return f"shard {spec.index} (positions {spec.start} to {spec.stop - 1})"


class InProcess:
    """Computes parts in this process, several at once where that helps.

    Every thread has a copy of the network and computes on one core: as fast as
    one part on all cores, and the numbers do not depend on how many cores there are.

    Parameters
    ----------
    threads : int, optional
        Parts at once; as many as there are cores, up to 4.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or min(_cores(), _MOST_THREADS)

    def run(
        self, job: Job, specs: Sequence[PartSpec], watch: Watch
    ) -> Iterator[Receipt]:
        """Compute parts; see `Executor`."""
        n_threads = min(self.threads, len(specs)) if job.may_be_copied else 1
        with torch_threads(job.threads):
            if n_threads > 1:
                yield from _run_threads(job, n_threads, specs, watch)
                return
            for spec in specs:
                yield compute_part(job, spec, watch.advance)


def _run_threads(
    job: Job, n_threads: int, specs: Sequence[PartSpec], watch: Watch
) -> Iterator[Receipt]:
    # Tracing a network changes torch for a moment, so copies come before threads.
    copies: SimpleQueue[Job] = SimpleQueue()
    for each in (job, *(job.copy() for _ in range(n_threads - 1))):
        copies.put(each)

    def work(spec: PartSpec) -> Receipt:
        copy = copies.get()
        try:
            return compute_part(copy, spec, watch.advance)
        finally:
            copies.put(copy)

    # torch remembers its number of threads, and how it multiplies, process by
    # process and partly thread by thread.
    pool = ThreadPoolExecutor(
        n_threads, initializer=torch.set_num_threads, initargs=(job.threads,)
    )
    with products_in(tf32=False), pool:
        futures = [pool.submit(work, spec) for spec in specs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            watch.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)
