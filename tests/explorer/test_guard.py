"""What the explorer refuses, and what every reply carries."""

import re

import pytest

from conceptlrp.explorer import explorer_app
from conceptlrp.explorer.app import _HEADERS, MAX_QUERY
from tests.explorer.client import Client

PLACES = ["/", "/position.json", "/style.css", "/explorer.css", "/explorer.js"]
BAD = [
    "/?q=1",
    "/?moves=f5&moves=d3",
    "/?moves=a1",
    "/?moves=zz",
    "/?move=a1",
    "/?move=f5&against=f5",
    "/?against=a1",
    "/?start=XX",
    f"/?start={'-' * 36}X",
    "/?show=everything",
    "/?click=%3Cscript%3E",
    "/?layer=conv1&channel=64",
    "/?layer=conv1&channel=-1",
    "/?layer=../../etc/passwd&channel=1",
    "/?layer=%3Cscript%3Ealert(1)%3C/script%3E&channel=1",
    "/?channel=1",
    "/?text=hello",
    "/?text=a1",
    "/?moves=%00",
    "/?moves=%ff%fe",
    "/position.json?text=f5",
    "/position.json?moves=a1",
]


@pytest.mark.parametrize("address", BAD)
def test_a_wrong_parameter_is_a_400_with_one_sentence(client, address) -> None:
    reply = client.get(address)

    assert reply.status_code == 400
    sentence = re.search(r'<p class="notice">(.*?)</p>', reply.text, re.DOTALL)[1]
    assert sentence.endswith(".")
    assert "Traceback" not in reply.text
    assert "<script>alert" not in reply.text


@pytest.mark.parametrize(
    "address",
    [
        "/nothing",
        "/../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/templates/explorer.html",
        "//evil.example/",
    ],
)
def test_there_is_nothing_at_other_addresses(client, address) -> None:
    reply = client.get(f"http://localhost{address}")

    assert reply.status_code == 404
    assert "root:" not in reply.text


@pytest.mark.parametrize("place", [*PLACES, "/?q=1", "/nothing"])
def test_every_reply_forbids_other_origins_and_guessing(client, place) -> None:
    headers = client.get(place, headers={"Origin": "http://evil.example"}).headers

    assert {name: headers[name] for name in _HEADERS} == _HEADERS
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost@evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "localhost:port",
        "localhost:8000:1",
        "localhost ",
        "",
        "a" * 5000,
    ],
)
def test_a_foreign_host_is_refused(client, host) -> None:
    reply = client.get("/", headers={"Host": host})

    assert reply.status_code == 421
    assert "Host" in reply.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "box.lan:80"]
)
def test_loopback_and_the_given_host_are_answered(engine, host) -> None:
    client = Client(explorer_app(engine, hosts=["Box.lan"]))

    assert client.get("/explorer.js", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("place", PLACES)
def test_only_reading_is_answered(client, method, place) -> None:
    reply = client.request(method, place, content=b"{broken json")

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD"


def test_a_body_is_refused_without_reading_it(client) -> None:
    assert client.request("GET", "/", content=b"x" * 10_000_000).status_code == 413


def test_long_addresses_and_headers_are_refused(client) -> None:
    assert client.get(f"/?moves={'f5' * MAX_QUERY}").status_code == 414
    assert client.get(f"/{'a' * 300}").status_code == 414
    assert client.get("/", headers={"X-Long": "a" * 9000}).status_code == 431


def test_a_failure_tells_the_client_nothing_of_the_program(engine, monkeypatch) -> None:
    def fail(*_: object) -> None:
        msg = "/secret/path"
        raise RuntimeError(msg)

    monkeypatch.setattr(engine, "report", fail)
    reply = Client(explorer_app(engine), raises=False).get("/")

    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert "RuntimeError" not in reply.text
