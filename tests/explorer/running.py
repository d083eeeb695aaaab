"""A server of the explorer on a port of this machine, in a thread of the test."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from conceptlrp.explorer import ExplorerEngine, explorer_app
from conceptlrp.explorer.app import bound_socket, server_config

_PATIENCE = 20.0


@contextmanager
def running(engine: ExplorerEngine) -> Iterator[int]:
    """Yield the port on which the explorer answers."""
    with bound_socket("127.0.0.1", 0) as listener:
        server = uvicorn.Server(server_config(explorer_app(engine)))
        # A thread gets no signals, which uvicorn would otherwise wait for.
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        thread.start()
        deadline = time.monotonic() + _PATIENCE
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(_PATIENCE)


def send_raw(port: int, content: bytes, *, patience: float = 0.5) -> bytes:
    """Send bytes as they are and return what is answered until nothing more comes."""
    received = b""
    # Whoever sends too much is cut off while sending.
    with (
        socket.create_connection(("127.0.0.1", port), timeout=patience) as connection,
        suppress(ConnectionError, TimeoutError),
    ):
        connection.sendall(content)
        while part := connection.recv(65536):
            received += part
    return received
