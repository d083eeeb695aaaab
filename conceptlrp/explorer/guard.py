"""What every request has to pass, and what every reply carries.

A page of another site must not read what the explorer shows: its own host name does
not pass (DNS rebinding), and no reply allows other origins. Requests only read,
carry no body, and are short.
"""

import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Names by which a machine calls itself.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

MAX_QUERY = 4096
MAX_PATH = 256
MAX_HEADERS = 8192

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


class Guard:
    """Refuses what is not a short request to read, to a host of the right name."""

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
