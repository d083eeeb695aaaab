"""Computing the parts of a run, in this process or wherever an executor does it.

Parts are shards and blocks of reference heatmaps. An executor may compute them
in any order, anywhere and more than once; the bytes are the same.

Ctrl-C and SIGTERM set a flag that is looked at between batches. An exception
raised from a signal handler could come up anywhere: inside of HDF5 it is lost,
and between two steps of a write it leaves half of them.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import torch

from conceptlrp.errors import RunError
from conceptlrp.lrp.inputs import products_in
from conceptlrp.runs.job import Job, torch_threads
from conceptlrp.runs.parts import BlockSpec, OnRows, compute_block, compute_shard
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.format.receipts import Receipt

if TYPE_CHECKING:
    from conceptlrp.progress import OnProgress

PartSpec = ShardSpec | BlockSpec
_MOST_THREADS = 4


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; what was finished is kept, and the message says how."""


class Watch:
    """Counts what is done of a run, and stops it when that is asked for."""

    def __init__(self, on_progress: "OnProgress | None" = None) -> None:
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._stage, self._done, self._total = "", 0, 0
        self._stopping = threading.Event()

    def begin(self, stage: str, total: int, *, done: int = 0) -> None:
        """Begin a stage of `total` units, of which some may be done already."""
        self._stage, self._done, self._total = stage, done, total

    def advance(self, units: int) -> None:
        """Count units that are done; raise if the run is to stop."""
        self.check()
        with self._lock:
            self._done += units
            if self._on_progress is not None:
                self._on_progress(self._stage, self._done, self._total)

    def check(self) -> None:
        """Raise `RunInterrupted` if the run is to stop."""
        if self._stopping.is_set():
            raise RunInterrupted

    def stop(self) -> None:
        """Let every thread that computes stop at its next step."""
        self._stopping.set()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM stop the run meanwhile; a second one is at once.

        Outside of the main thread, or where a program handles a signal in its own
        way, everything stays as it is.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        usual = {signal.SIG_DFL, signal.default_int_handler}
        before = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            for number, handler in before.items():
                if handler in usual:
                    signal.signal(number, self._on_signal)
            yield
        finally:
            for number, handler in before.items():
                if handler in usual:
                    signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise RunInterrupted
        self.stop()


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


def raise_for_failed(given_up: Sequence[tuple[PartSpec, str]]) -> None:
    """Raise for parts that were given up, each with the reason."""
    if given_up:
        names = "; ".join(f"{part_name(spec)} {reason}" for spec, reason in given_up)
        msg = f"{names}; everything else is kept, resume the run to try again"
        raise RunError(msg)


class InProcess:
    """Computes parts in this process, several at once where that helps.

    Every thread has a copy of the network and computes on one core: as fast as one part
    on all cores, and the numbers do not depend on how many cores there are. By default
    there are as many threads as cores, up to 4.
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
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)
