"""The verb serve where it cannot serve: one line, and nothing listens."""

import sys

import pytest

from conceptlrp.explorer.app import bound_socket
from tests.command_line import assert_one_line, run


def test_a_store_that_is_not_there_is_one_line(tmp_path) -> None:
    result = run("serve", tmp_path / "none.crp", "--network", "demo")

    assert_one_line(result, 1, "none.crp")


def test_another_network_is_one_line(folder) -> None:
    result = run("serve", folder / "run.crp", "--network", "demo", "--port", 0)

    assert_one_line(result, 1, "pass the network it was made with")


def test_a_port_in_use_is_one_line(explained_store) -> None:
    with bound_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        result = run(
            *("serve", explained_store.path, "--network", "demo", "--port", port)
        )

    assert_one_line(result, 1, "in use; choose another --port or --host")


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("0.0.0.0", "give the name or address of one interface"),
        ("no such host", "cannot listen at no such host"),
        ("192.0.2.1", "cannot listen at 192.0.2.1"),
    ],
)
def test_a_host_that_cannot_be_listened_at_is_one_line(
    explained_store, host, message
) -> None:
    words = ("serve", explained_store.path, "--network", "demo", "--host", host)

    assert_one_line(run(*words, "--port", 0), 1, message)


def test_a_folder_that_is_no_atlas_is_one_line(explained_store, tmp_path) -> None:
    words = ("serve", explained_store.path, "--network", "demo", "--atlas", tmp_path)

    assert_one_line(run(*words, "--port", 0), 1, "is no atlas, which has atlas.json")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_wrong_usage(explained_store, port) -> None:
    words = ("serve", explained_store.path, "--network", "demo", "--port", port)

    assert_one_line(run(*words), 2, "port")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_how_to_install_it(
    explained_store, missing, monkeypatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("conceptlrp.explorer")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [n for n in sys.modules if n.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    result = run("serve", explained_store.path, "--network", "demo")

    assert_one_line(result, 1, r"pip install 'conceptlrp\[explorer\]'")
