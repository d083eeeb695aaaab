"""The explorer as a server: hostile traffic, a port in use, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conceptlrp.explorer.app import bound_socket, check_host
from tests.explorer.running import running, send_raw

_OK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def hostile_requests() -> list[bytes]:
    """Return two hundred requests, of which none is a good one."""
    flood = b"Content-Length: 5000000\r\n\r\n" + b"x" * 500_000
    head = b"Host: localhost\r\nConnection: close\r\n"
    kinds = [
        b"",
        b"\x00" * 500,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + head + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /?moves=" + b"f5" * 4000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /style.css/../../secret HTTP/1.1\r\n" + head + b"\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 9\r\n\r\n{bad json",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: 99999999999\r\n\r\n{",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /?q=1 HTTP/1.1\r\n" + head + b"Upgrade: websocket\r\n\r\n",
        b"GET /?start=%00%ff HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /?layer=conv1&channel=999999 HTTP/1.1\r\n" + head + b"\r\n",
        b"TRACE / HTTP/1.1\r\n" + head + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + head + b"\r\n",
        b"POST / HTTP/1.1\r\n" + head + flood,
    ]
    return [kinds[n % len(kinds)] for n in range(200)]


def test_two_hundred_bad_requests_leave_it_serving(engine) -> None:
    with running(engine) as port:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda c: send_raw(port, c), hostile_requests()))
        after = send_raw(port, _OK, patience=30)

    assert len(replies) == 200
    statuses = {int(found[1]) for found in map(_status, replies) if found}
    assert statuses <= {400, 404, 405, 413, 414, 421, 431, 503}
    assert {400, 405, 421} <= statuses
    assert b"Traceback" not in b"".join(replies)
    assert b" 200 OK" in after
    assert b"What the network plays" in after


def _status(reply: bytes) -> re.Match[bytes] | None:
    return re.match(rb"HTTP/1.1 (\d{3}) ", reply)


def test_requests_at_once_get_the_answers_they_get_alone(engine) -> None:
    addresses = [
        f"/position.json?moves={moves}" for moves in ("", "f5", "d3", "f5d6", "c4e3")
    ]
    with running(engine) as port, httpx.Client(timeout=60) as client:
        alone = [client.get(f"http://127.0.0.1:{port}{a}").json() for a in addresses]
        with ThreadPoolExecutor(5) as pool:
            urls = [f"http://127.0.0.1:{port}{a}" for a in addresses * 3]
            together = list(pool.map(lambda url: client.get(url).json(), urls))

    assert together == alone * 3


def test_connections_that_say_nothing_do_not_keep_others_out(engine) -> None:
    with running(engine) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        try:
            reply = send_raw(port, _OK, patience=30)
        finally:
            for each in silent:
                each.close()

    assert b" 200 OK" in reply


def test_a_port_in_use_is_one_sentence() -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        with (
            pytest.raises(ValueError, match=f"127.0.0.1:{port}: .*in use; choose"),
            bound_socket("127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_an_address_that_is_everywhere_is_refused(host) -> None:
    with pytest.raises(ValueError, match="give the name or address of one interface"):
        check_host(host)


@pytest.mark.slow
def test_the_command_answers_until_it_is_interrupted(explained_store) -> None:
    words = [sys.executable, "-m", "conceptlrp", "serve", str(explained_store.path)]
    with subprocess.Popen(
        [*words, "--network", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
        answered = httpx.get(address, timeout=30).status_code
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert answered == 200
    assert process.returncode == 130
    assert errors == ""
