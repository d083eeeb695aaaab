"""Parts of a run on a Dask cluster: a laptop's, SLURM's or Kubernetes'.

Workers get the network once, by a plugin, and write parts themselves, so they must
see the folder of the run. No more parts are sent out than there are workers: when
one dies, no part is blamed that merely waited with it. Dask tries the part of a dead
worker again; a part that ends all of its workers gets one more turn, after all
others, and is then given up.
"""

import asyncio
import hashlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from conceptlrp.errors import RunError
from conceptlrp.runs.executors import PartSpec, Watch, compute_part, raise_for_failed
from conceptlrp.runs.job import Work, torch_threads, unpack

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds in which a scheduler must answer.
CONNECTING = 10.0
_POLL_SECONDS = 0.2
_TURNS = 2
_RETRIES = 2


class Distributed:
    """Computes parts on the workers of a Dask cluster: its address, or a client."""

    def __init__(self, scheduler: "str | Client") -> None:
        self.scheduler = scheduler

    def run(self, job: Work, specs: Sequence[PartSpec], watch: Watch) -> Iterator[Any]:
        """Compute parts; see `Executor`."""
        packed = job.pack()
        with (
            _connected(self.scheduler) as client,
            _scheduler_errors(client),
            _installed(client, packed) as name,
        ):
            window = _Window(client, name, specs)
            try:
                while window.out or window.waiting:
                    watch.check()
                    for receipt, spec in window.collect():
                        watch.advance(len(spec))
                        yield receipt
                raise_for_failed(window.given_up)
            finally:
                window.close()


class _Window:
    """The parts that are being computed, that wait, and that were given up."""

    def __init__(
        self, client: "Client", plugin: str, specs: Sequence[PartSpec]
    ) -> None:
        self.client = client
        self.plugin = plugin
        self.waiting = [(spec, 1) for spec in reversed(specs)]
        self.out: dict[Future, tuple[PartSpec, int]] = {}
        self.done: SimpleQueue[Future] = SimpleQueue()
        self.given_up: list[tuple[PartSpec, str]] = []

    def collect(self) -> Iterator[tuple[Any, PartSpec]]:
        """Keep all workers busy, wait a moment and return what was finished."""
        from distributed import KilledWorker

        self._submit()
        try:
            future = self.done.get(timeout=_POLL_SECONDS)
        except Empty:
            return
        spec, turn = self.out.pop(future)
        try:
            receipt = future.result()
        except KilledWorker as error:
            self._retry(spec, turn, error)
            return
        yield receipt, spec

    def close(self) -> None:
        """Cancel what is being computed."""
        # Where the scheduler is gone, nothing is out any more.
        with suppress(Exception):
            self.client.cancel(list(self.out), force=True)

    def _submit(self) -> None:
        n_workers = max(1, len(self.client.nthreads()))
        while self.waiting and len(self.out) < n_workers:
            spec, turn = self.waiting.pop()
            kind = type(spec).__name__
            future = self.client.submit(
                compute_on_worker,
                self.plugin,
                spec,
                key=f"{self.plugin}-{kind}-{spec.index}-{turn}",
                retries=_RETRIES,
                pure=False,
            )
            self.out[future] = (spec, turn)
            future.add_done_callback(self.done.put)

    def _retry(self, spec: PartSpec, turn: int, error: Any) -> None:
        if turn < _TURNS:
            # Behind all others, which it can then no longer hold up.
            self.waiting.insert(0, (spec, turn + 1))
        else:
            reason = f"ended its workers, the last at {error.last_worker.address}"
            self.given_up.append((spec, reason))


@contextmanager
def _connected(scheduler: "str | Client") -> "Iterator[Client]":
    """Yield a client of the scheduler, and close it only if it was opened here."""
    try:
        from distributed import Client
    except ImportError as error:
        msg = (
            "a scheduler needs the package 'distributed'; "
            "pip install 'conceptlrp[distributed]'"
        )
        raise RunError(msg) from error
    if not isinstance(scheduler, str):
        yield scheduler
        return
    try:
        client = Client(scheduler, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        msg = f"{scheduler}: no Dask scheduler answers there ({reason})"
        raise RunError(msg) from error
    with client:
        yield client


@contextmanager
def _scheduler_errors(client: "Client") -> Iterator[None]:
    """Turn the loss of the scheduler into an error that says what to do."""
    from distributed.comm import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError, asyncio.CancelledError) as error:
        msg = (
            f"{client.scheduler.address}: the Dask scheduler is gone; finished parts "
            "are kept, resume the run once a scheduler answers"
        )
        raise RunError(msg) from error


@contextmanager
def _installed(client: "Client", packed: bytes) -> Iterator[str]:
    """Give every worker the network, those that join later included."""
    name = f"conceptlrp-{hashlib.sha256(packed).hexdigest()[:16]}"
    client.register_plugin(_plugin(packed), name=name)
    try:
        yield name
    finally:
        # Where the scheduler is gone, so is the plugin.
        with suppress(Exception):
            client.unregister_worker_plugin(name)


def _plugin(packed: bytes) -> Any:
    """Return the plugin, whose base is there only with the extra."""
    from distributed import WorkerPlugin

    class JobPlugin(WorkerPlugin):  # type: ignore[misc]
        """Holds the job of a worker, which is made when its first part comes."""

        def __init__(self) -> None:
            self.packed = packed
            self.job: Work | None = None

    return JobPlugin()


_LOCK = threading.Lock()


def compute_on_worker(plugin: str, spec: PartSpec) -> Any:
    """Compute a part on this worker; one with several threads takes one at a time."""
    from distributed import get_worker

    work = get_worker().plugins[plugin]
    with _LOCK:
        if work.job is None:
            work.job = unpack(work.packed)
        with torch_threads(work.job.threads):
            return compute_part(work.job, spec, lambda _: None)
