"""The explorer as a web application and its server, with limits for whoever asks.

/                  the page of a state, see `conceptlrp.explorer.state`
/?text=...         a pasted transcript or position; leads to its page
/position.json     the report of the same state
/steering.json     what the network says with the state's channels changed
/heatmap.json      the map of the channel that is looked at, for the big board
/atlas/...         the pages of an atlas, where a folder of them is given
/style.css, /board.js, /explorer.css, /explorer.js
"""

import ipaddress
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conceptlrp import jsontext
from conceptlrp.errors import FileFormatError
from conceptlrp.explorer.atlas_files import PLACE, AtlasFiles
from conceptlrp.explorer.connections import MOST, TimedProtocol
from conceptlrp.explorer.engine import ExplorerEngine, StoreReplacedError
from conceptlrp.explorer.pages import (
    Shown,
    channel_map,
    explorer_page,
    problem_page,
    steering,
)
from conceptlrp.explorer.state import parse_pasted, parse_state

_FILES = (
    ("style.css", "conceptlrp.atlas", "text/css"),
    ("board.js", "conceptlrp.atlas", "text/javascript"),
    ("explorer.css", "conceptlrp.explorer", "text/css"),
    ("explorer.js", "conceptlrp.explorer", "text/javascript"),
)
#: Names by which a machine calls itself.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

MAX_QUERY = 4096
MAX_PATH = 256
MAX_HEADERS = 8192
_HEAD_BYTES = 16_384
_IDLE_S, _SHUTDOWN_S = 5, 2

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?P<port>:[0-9]{1,5})?")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; "
        # The lengths of bars stand in style attributes.
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def explorer_app(
    engine: ExplorerEngine,
    *,
    hosts: Iterable[str] = (),
    atlas: str | os.PathLike[str] | None = None,
) -> Starlette:
    """Make the application.

    Parameters
    ----------
    engine, hosts : ExplorerEngine, iterable of str
        The network and the store, and names that the Host header may have besides those
        of the loopback.
    atlas : path or str, optional
        The atlas of the store that pages link to: a folder, which is served too, or an
        address.

    Returns
    -------
    Starlette
        An ASGI application.
    """
    beside = AtlasFiles.at(atlas)

    def page(request: Request) -> Response:
        items = request.query_params.multi_items()
        texts = [value for name, value in items if name == "text"]
        state = parse_state(
            (item for item in items if item[0] != "text"), size=engine.size
        )
        if any(text.strip() for text in texts):
            return RedirectResponse(parse_pasted(texts[0], state).href, 303)
        with engine.one_store():
            return HTMLResponse(explorer_page(Shown(engine, state, beside)))

    def as_json(told: Callable[[Shown], Any]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            items = request.query_params.multi_items()
            shown = Shown(engine, parse_state(items, size=engine.size))
            with engine.one_store():
                content = jsontext.dumps(told(shown))
            return Response(content, media_type="application/json")

        return answer

    def of_atlas(request: Request) -> Response:
        address = request.path_params["address"] or "index.html"
        if address not in beside.files or not (beside.folder / address).is_file():
            raise HTTPException(404)
        return FileResponse(beside.folder / address)

    routes = [
        Route("/", page),
        Route("/position.json", as_json(lambda shown: shown.report.to_dict())),
        Route("/steering.json", as_json(steering)),
        Route("/heatmap.json", as_json(channel_map)),
        Route(f"{PLACE}{{address:path}}", of_atlas),
        *(Route(f"/{name}", _file(name, *where)) for name, *where in _FILES),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=tuple(hosts))],
        exception_handlers=_HANDLERS,
    )


def _file(name: str, package: str, media_type: str) -> Callable[[Request], Response]:
    content = files(package).joinpath(name).read_bytes()

    def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


def _problem(sentence: str, status: int) -> Response:
    return HTMLResponse(problem_page(f"{sentence[:1].upper()}{sentence[1:]}."), status)


def _http_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _problem("there is nothing at this address", status)


_DAMAGED = "the store cannot be read; 'conceptlrp check' says why"
_FAILED = "the explorer failed; its terminal says why"
_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    StoreReplacedError: lambda _, error: _problem(str(error), 409),
    FileFormatError: lambda _, __: _problem(_DAMAGED, 500),
    # Errors of this library about what was asked for are all of this kind.
    ValueError: lambda _, error: _problem(str(error), 400),
    HTTPException: _http_problem,
    Exception: lambda _, __: _problem(_FAILED, 500),
}


class Guard:
    """Refuses long requests, and those to a host of another name (DNS rebinding)."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        named = (_bracketed(host.lower()) for host in hosts)
        self.hosts = frozenset((*LOOPBACK, *named))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application answer it."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS:
            return _refused(431, f"headers are longer than {MAX_HEADERS} bytes")
        if not self._knows_host([v for name, v in headers if name == b"host"]):
            return _refused(
                421, "the Host header names no host that this explorer answers for"
            )
        if scope["method"] not in ("GET", "HEAD"):
            return _refused(405, "only GET is answered here", Allow="GET, HEAD")
        if _has_body(dict(headers)):
            return _refused(413, "a request to read has no body")
        if len(scope["query_string"]) > MAX_QUERY or len(scope["path"]) > MAX_PATH:
            return _refused(
                414, f"the address is longer than {MAX_PATH} + {MAX_QUERY} bytes"
            )
        return None

    def _knows_host(self, given: list[bytes]) -> bool:
        if len(given) != 1:
            return False
        found = _HOST.fullmatch(given[0].decode("latin-1").lower())
        return found is not None and found["name"] in self.hosts


def _has_body(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or length.strip() != b"0"


def _bracketed(host: str) -> str:
    """Write an address of IPv6 as it stands in a Host header."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _refused(status: int, sentence: str, **headers: str) -> Response:
    # The connection may hold the rest of what was refused.
    headers["Connection"] = "close"
    return PlainTextResponse(f"{sentence}\n", status, headers=headers)


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
        # Connections have it from here; a small reply would wait 40 ms without it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def server_config(app: ASGIApp) -> uvicorn.Config:
    """Return the limits under which requests are answered."""
    return uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


def run_server(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until the process is interrupted.

    Parameters
    ----------
    app, listener : ASGI application, socket
        What answers, and a socket that listens.
    """
    uvicorn.Server(server_config(app)).run(sockets=[listener])
