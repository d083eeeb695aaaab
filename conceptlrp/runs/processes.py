"""Processes on this machine that compute parts of a run, watched by this one.

A process gets the network once. One that dies, killed for its memory or by a
crash of a library, is replaced and its part tried again; a part that ends
several processes is given up, so that it cannot hold up the others.
"""

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from conceptlrp.errors import RunError
from conceptlrp.runs.executors import (
    PartSpec,
    Watch,
    compute_part,
    raise_for_failed,
)
from conceptlrp.runs.job import Job, JobSpec, torch_threads
from conceptlrp.store.format.receipts import Receipt

#: Processes that a part may end before it is left out.
ATTEMPTS = 3
_POLL_SECONDS = 0.2
_MOST_FAILURES = 4


class Processes:
    """Computes parts in processes of their own.

    A part that ends `attempts` of them is given up.
    """

    def __init__(self, workers: int, *, attempts: int = ATTEMPTS) -> None:
        if workers < 1:
            msg = f"workers is {workers}, expected 1 or more"
            raise ValueError(msg)
        self.workers = workers
        self.attempts = attempts

    def run(
        self, job: Job, specs: Sequence[PartSpec], watch: Watch
    ) -> Iterator[Receipt]:
        """Compute parts; see `Executor`."""
        pool = _Pool(job.spec.pack(), specs, self.attempts)
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

    def __init__(self, packed: bytes, specs: Sequence[PartSpec], attempts: int) -> None:
        self.packed = packed
        self.waiting = deque(specs)
        self.attempts = attempts
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

    def collect(self) -> Iterator[tuple[Receipt, PartSpec]]:
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
        if self.in_a_row > _MOST_FAILURES * self.attempts:
            msg = f"{self.in_a_row} processes in a row ended with {how}; see why"
            raise RunError(msg)
        self.failures[worker.spec.index] += 1
        if self.failures[worker.spec.index] < self.attempts:
            self.waiting.append(worker.spec)
        else:
            reason = f"ended {self.attempts} processes, the last with {how}"
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
        job = Job(JobSpec.unpack(packed))
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
