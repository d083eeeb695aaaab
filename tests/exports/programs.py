"""Programs that open exports, each in an environment of its own.

ViRelAy and scanpy pin versions of numpy and pillow that conceptlrp does not.
"""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.environments import cached_folder, environment_python

VIRELAY, SCANPY = "0.6.1", "1.11.5"
_START_UP = 30.0


def virelay_python() -> Path:
    """Return the interpreter of an environment with ViRelAy's server."""
    folder = cached_folder(f"virelay-{VIRELAY}")
    return environment_python(folder, (f"virelay=={VIRELAY}",))


def scanpy_python() -> Path:
    """Return the interpreter of an environment with scanpy, Polars and DuckDB."""
    folder = cached_folder(f"scanpy-{SCANPY}")
    packages = (f"scanpy=={SCANPY}", "igraph", "leidenalg", "polars", "duckdb")
    return environment_python(folder, packages)


def run_python(python: Path, script: Path, *arguments: object) -> str:
    """Run a script in another environment and return what it prints."""
    words = [str(python), str(script), *map(str, arguments)]
    done = subprocess.run(
        words, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"{script.name} failed in {python}:\n{done.stderr}"
        raise AssertionError(msg)
    return done.stdout


@dataclass(frozen=True)
class Server:
    """A server of ViRelAy on the loopback interface."""

    address: str

    def get(self, path: str, **query: object) -> bytes:
        """Return the body of an answer, which must be 200."""
        url = f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def json(self, path: str, **query: object) -> Any:
        """Return an answer that is JSON."""
        return json.loads(self.get(path, **query))


@contextmanager
def virelay_server(python: Path, project: Path) -> Iterator[Server]:
    """Serve a project as a user does, without a browser."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "virelay", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        [*command, project],
        env=_environment() | {"BROWSER": "/bin/true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _wait_for(process, port)
            yield Server(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.communicate()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START_UP
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    process.terminate()
    _, errors = process.communicate()
    msg = f"ViRelAy does not answer on port {port}: {errors.decode()}"
    raise AssertionError(msg)


def _environment() -> dict[str, str]:
    """Leave out what would bring other packages in."""
    return {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
