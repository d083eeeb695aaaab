"""Computing the parts of a run, in this process or wherever an executor does it.

Parts are shards and blocks of reference heatmaps. An executor may compute them
in any order, anywhere and more than once; the bytes are the same.

A process of this machine gets the network once. One that dies, killed for its memory or
by a crash of a library, is replaced and its part tried again; a part that ends several
processes is given up, so that it cannot hold up the others.

Ctrl-C and SIGTERM set a flag that is looked at between batches. An exception
raised from a signal handler could come up anywhere: inside of HDF5 it is lost,
and between two steps of a write it leaves half of them.
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from types import FrameType
from typing import Any, Protocol

import torch

from conceptlrp.errors import RunError, check_least
from conceptlrp.lrp.inputs import products_in
from conceptlrp.processes import end_in_order
from conceptlrp.progress import OnProgress
from conceptlrp.runs.job import Job, TaskPart, Work, torch_threads, unpack
from conceptlrp.runs.parts import BlockSpec, OnRows, compute_block, compute_shard
from conceptlrp.store.format.manifest import ShardSpec

PartSpec = ShardSpec | BlockSpec
_MOST_THREADS = 4


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; what was finished is kept, and the message says how."""


class Watch:
    """Counts what is done of a run, and stops it when that is asked for."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
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
        usual = {signal.SIG_DFL, signal.default_int_handler, end_in_order}
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

    def run(self, job: Work, specs: Sequence[PartSpec], watch: Watch) -> Iterator[Any]:
        """Compute parts; return receipts, or numbers and results, as they come."""


def compute_part(job: Any, spec: PartSpec, on_rows: OnRows) -> Any:
    """Compute one part of a task, or of a run and write it."""
    if isinstance(spec, TaskPart):
        return spec.index, job.function(spec, on_rows)
    if isinstance(spec, BlockSpec):
        return compute_block(job, spec, on_rows)
    return compute_shard(job, spec, on_rows)


def part_name(spec: PartSpec) -> str:
    """Say what a part is, for messages."""
    if isinstance(spec, BlockSpec):
        return f"block {spec.index} of the reference heatmaps"
    if isinstance(spec, TaskPart):
        return f"part {spec.index}"
    return f"shard {spec.index} (positions {spec.start} to {spec.stop - 1})"


def raise_for_failed(given_up: Sequence[tuple[PartSpec, str]]) -> None:
    """Raise for parts that were given up, each with the reason."""
    if given_up:
        names = "; ".join(f"{part_name(spec)} {reason}" for spec, reason in given_up)
        is_task = isinstance(given_up[0][0], TaskPart)
        rest = "nothing was written" if is_task else "all else is kept, resume the run"
        msg = f"{names}; {rest}"
        raise RunError(msg)


class InProcess:
    """Computes parts in this process, several at once where that helps.

    Every thread has a copy of the network and computes on one core: as fast as one part
    on all cores, and the numbers do not depend on how many cores there are. By default
    there are as many threads as cores, up to 4.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or min(_cores(), _MOST_THREADS)

    def run(self, job: Work, specs: Sequence[PartSpec], watch: Watch) -> Iterator[Any]:
        """Compute parts; see `Executor`."""
        n_threads = min(self.threads, len(specs))
        with torch_threads(job.threads):
            if isinstance(job, Job) and job.may_be_copied and n_threads > 1:
                yield from _run_threads(job, n_threads, specs, watch)
                return
            for spec in specs:
                yield compute_part(job, spec, watch.advance)


def _run_threads(
    job: Job, n_threads: int, specs: Sequence[PartSpec], watch: Watch
) -> Iterator[Any]:
    # Tracing a network changes torch for a moment, so copies come before threads.
    copies: SimpleQueue[Job] = SimpleQueue()
    for each in (job, *(job.copy() for _ in range(n_threads - 1))):
        copies.put(each)

    def work(spec: PartSpec) -> Any:
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


#: Processes that a part may end before it is left out.
ATTEMPTS = 3
_POLL_SECONDS = 0.2
_MOST_FAILURES = 4


class Processes:
    """Computes parts in processes; a part that ends `ATTEMPTS` of them is given up."""

    def __init__(self, workers: int) -> None:
        check_least("workers", workers)
        self.workers = workers

    def run(self, job: Work, specs: Sequence[PartSpec], watch: Watch) -> Iterator[Any]:
        """Compute parts; see `Executor`."""
        pool = _Pool(job.pack(), specs)
        try:
            for _ in range(min(self.workers, len(specs))):
                pool.start_worker()
            while pool.workers:
                watch.check()
                for receipt, spec in pool.collect():
                    watch.advance(len(spec))
                    yield receipt
            raise_for_failed(pool.given_up)
        finally:
            pool.stop()


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    spec: PartSpec


class _Pool:
    """The processes at work, the parts that wait, and those that failed."""

    def __init__(self, packed: bytes, specs: Sequence[PartSpec]) -> None:
        self.packed = packed
        self.waiting = deque(specs)
        self.workers: list[_Worker] = []
        self.failures: Counter[int] = Counter()
        self.given_up: list[tuple[PartSpec, str]] = []
        self.in_a_row = 0
        self.context = start_context()

    def start_worker(self) -> None:
        """Start a process on the part that has waited longest."""
        if not self.waiting:
            return
        ours, theirs = self.context.Pipe()
        process = self.context.Process(
            target=serve, args=(theirs, self.packed), daemon=True
        )
        process.start()
        theirs.close()
        self._assign(_Worker(process, ours, self.waiting.popleft()))

    def collect(self) -> Iterator[tuple[Any, PartSpec]]:
        """Wait a moment for answers and failures, and return what was finished."""
        connections = [worker.connection for worker in self.workers]
        ready = wait(connections, timeout=_POLL_SECONDS)
        for worker in [w for w in self.workers if w.connection in ready]:
            try:
                answer = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if isinstance(answer, BaseException):
                raise answer
            spec = worker.spec
            self.in_a_row = 0
            self.workers.remove(worker)
            if self.waiting:
                worker.spec = self.waiting.popleft()
                self._assign(worker)
            else:
                _end(worker)
            yield answer, spec

    def stop(self) -> None:
        """End all processes at once; a part is written whole or not at all."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            _end(worker)
        self.workers.clear()

    def _assign(self, worker: _Worker) -> None:
        self.workers.append(worker)
        try:
            worker.connection.send(worker.spec)
        except OSError:
            # It died meanwhile, which `collect` finds out.
            return

    def _replace(self, worker: _Worker) -> None:
        """Replace a process that died and give its part another try, or none."""
        self.workers.remove(worker)
        _end(worker)
        code = worker.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.in_a_row += 1
        if self.in_a_row > _MOST_FAILURES * ATTEMPTS:
            msg = f"{self.in_a_row} processes in a row ended with {how}; see why"
            raise RunError(msg)
        self.failures[worker.spec.index] += 1
        if self.failures[worker.spec.index] < ATTEMPTS:
            self.waiting.append(worker.spec)
        else:
            reason = f"ended {ATTEMPTS} processes, the last with {how}"
            self.given_up.append((worker.spec, reason))
        self.start_worker()


def _end(worker: _Worker) -> None:
    """Let a process end that has nothing to do or is dead."""
    worker.connection.close()
    worker.process.join()


def start_context() -> Any:
    """Return how processes start: as copies of one that has imported torch."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def serve(connection: Connection, packed: bytes) -> None:
    """Compute parts that come through a connection until it is closed."""
    # Ctrl-C in a terminal reaches all processes; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = unpack(packed)
        with torch_threads(job.threads):
            while True:
                spec = connection.recv()
                connection.send(
                    compute_part(job, spec, lambda _: _end_with(connection))
                )
    except EOFError:
        return
    except Exception as error:
        with suppress(OSError):
            connection.send(_sendable(error))


def _end_with(connection: Connection) -> None:
    """Leave when the process that wants the work is gone."""
    if connection.poll():
        os._exit(0)


def _sendable(error: Exception) -> Exception:
    """Return an error that survives the way to another process."""
    try:
        multiprocessing.reduction.ForkingPickler.dumps(error)
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
    return error
