"""A Dask cluster of two workers, started from the command line."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cluster:
    """A scheduler that listens at an address, and its workers."""

    address: str
    scheduler: "subprocess.Popen[bytes]"


@contextmanager
def cluster(scratch: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Yield a cluster whose workers can import the tests.

    Parameters
    ----------
    scratch : Path
        Where workers may write.
    workers : int
        How many, with one thread each.
    """
    from distributed import Client

    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ("dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
    worker = ("dask_worker", address, "--nthreads", "1")
    processes = [_start(*scheduler)]
    processes += [
        _start(*worker, "--local-directory", str(scratch)) for _ in range(workers)
    ]
    try:
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield Cluster(address, processes[0])
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            _wait(process)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        # A worker goes on looking for a scheduler that is gone.
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nobody uses."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _start(command: str, *arguments: str) -> "subprocess.Popen[bytes]":
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [
            *(sys.executable, "-m", f"distributed.cli.{command}"),
            *(*arguments, "--no-dashboard"),
        ],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
