"""The explorer's server: a socket of this machine, and limits for whoever asks."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

# More requests at a time are told to come again.
_CONNECTIONS = 128
_HEAD_BYTES = 16_384
_IDLE_S, _SHUTDOWN_S = 5, 2


def check_host(host: str) -> None:
    """Refuse an address that stands for all of a machine's."""
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = host == ""
    if everywhere:
        msg = (
            f"--host is '{host}', which is no name that requests could be checked by; "
            "give the name or address of one interface"
        )
        raise ValueError(msg)


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Open a socket that listens, so that a port in use is known at once."""
    check_host(host)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(found[4][:2], family=found[0], backlog=64)
    except OSError as error:
        # asyncio and socket add the address that stands in the sentence anyway.
        reason = str(error.strerror or error).partition(" (")[0].lower()
        msg = (
            f"cannot listen at {host}:{port}: {reason}; choose another --port or --host"
        )
        raise ValueError(msg) from error
    with listener:
        yield listener


def server_config(app: ASGIApp) -> uvicorn.Config:
    """Return the limits under which requests are answered."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


def run_server(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until the process is interrupted.

    Parameters
    ----------
    app : ASGI application
        What answers.
    listener : socket
        A socket that listens.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, when what was begun is answered.
    """
    uvicorn.Server(server_config(app)).run(sockets=[listener])
