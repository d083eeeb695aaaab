"""One run at a time fills a store, and a run that has died keeps nobody out."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conceptlrp import processes
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.othello import Corpus
from conceptlrp.processes import is_gone, this_process
from conceptlrp.store import check_store, open_store, store_info
from conceptlrp.store.format.lock import lock_holder, run_lock
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import planted_plan

HOLD = """
import sys, time
from conceptlrp.store.format.lock import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
#: Some processes want one store at the same moment, its lock being a dead one's;
#: who gets it keeps it until all have tried. Prints how many got it, round by round.
RACE = """
import os, sys
from pathlib import Path
from conceptlrp.errors import StoreError
from conceptlrp.store.format.lock import run_lock

folder, rounds, runners = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dead = sys.argv[4]
for number in range(rounds):
    store = folder / f"{number}.crp"
    if number % 2:
        store.mkdir()
        (store / "lock").write_text(dead)
    start, go = os.pipe()
    tried, done = os.pipe()
    end, finish = os.pipe()
    children = []
    for _ in range(runners):
        child = os.fork()
        if child:
            children.append(child)
            continue
        os.close(go), os.close(finish)
        os.read(start, 1)
        try:
            with run_lock(store):
                os.write(done, b"+")
                os.read(end, 1)
        except StoreError:
            os.write(done, b"-")
        os._exit(0)
    os.close(go)
    answers = b""
    while len(answers) < runners:
        answers += os.read(tried, runners)
    os.close(finish)
    for child in children:
        os.waitpid(child, 0)
    print(answers.count(b"+"), int(store.exists()))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.crp"


def held_by_another(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def edit_lock(path: Path, **changes: Any) -> None:
    lock = path / "lock"
    lock.write_text(json.dumps({**json.loads(lock.read_text()), **changes}))


def dead_lock(path: Path) -> str:
    """Return the lock of a process that is gone."""
    with held_by_another(path) as process:
        text = (path / "lock").read_text()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return text


def test_a_second_run_is_told_who_has_the_store(path: Path) -> None:
    with run_lock(path):
        message = rf"process {os.getpid()} on {socket.gethostname()}.*remove .*lock"
        with pytest.raises(StoreError, match=message), run_lock(path):
            pass

    assert not path.exists()


def test_the_lock_says_what_it_is(path: Path) -> None:
    with run_lock(path):
        names = [*json.loads((path / "lock").read_text())]

    assert names[:2] == ["encoding-type", "encoding-version"]
    expected = {"host", "machine", "boot", "namespace", "pid", "start"}
    assert set(names[2:]) == expected


def test_a_run_after_the_other_gets_the_lock(path: Path, corpus: Corpus) -> None:
    with run_lock(path):
        create_run(path, planted_plan(corpus), corpus)

    with run_lock(path):
        assert lock_holder(path) is not None

    assert sorted(p.name for p in path.iterdir()) == ["corpus-0.h5", "manifest.json"]


def test_a_running_process_keeps_others_out(path: Path) -> None:
    with held_by_another(path) as process:
        try:
            with (
                pytest.raises(StoreError, match=rf"process {process.pid} on"),
                run_lock(path),
            ):
                pass
        finally:
            process.kill()
            process.communicate()


def test_the_lock_of_a_killed_process_is_taken_over(path: Path) -> None:
    dead_lock(path)
    assert (path / "lock").exists()

    with run_lock(path):
        holder = lock_holder(path)

    assert holder is not None
    assert holder["pid"] == os.getpid()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_killed_process_that_nobody_waits_for_is_gone(path: Path) -> None:
    process = held_by_another(path)
    process.send_signal(signal.SIGKILL)
    # Wait for its end, but leave its number in the table of processes.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    with run_lock(path):
        pass

    process.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_number_that_another_process_has_now_is_seen_through(path: Path) -> None:
    with run_lock(path):
        edit_lock(path, start="7")

        with run_lock(path):
            pass


#: What tells the lock of this process from one that nobody here can judge.
ELSEWHERE = {
    "another machine": {"host": "elsewhere", "machine": "1", "boot": "1"},
    "a container of this host's name": {"namespace": "pid:[1]"},
    "a machine of this host's name": {"machine": "1", "boot": "1"},
    "a container before the machine started": {"namespace": "pid:[1]", "boot": "1"},
    "an earlier form": {"namespace": None},
}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_lock_that_cannot_be_judged_here_is_never_removed(
    place: str, path: Path
) -> None:
    with run_lock(path):
        edit_lock(path, pid=999_999, **ELSEWHERE[place])
        text = (path / "lock").read_text()

        message = "process 999999 on .*; wait for it, or remove .*lock when"
        with pytest.raises(StoreError, match=message), run_lock(path):
            pass

        assert (path / "lock").read_text() == text


@pytest.mark.parametrize("machine", ["a", ""])
def test_a_lock_from_before_this_machine_started_is_a_dead_one(
    machine: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**this_process(), "machine": machine, "namespace": "pid:[4026531836]"}
    monkeypatch.setattr(processes, "this_process", lambda: here)

    assert is_gone({**here, "boot": "earlier"}) is (True if machine else None)


def test_a_store_needs_no_links(
    path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with run_lock(path):
        with pytest.raises(StoreError, match="another run"), run_lock(path):
            pass
        create_run(path, planted_plan(corpus), corpus)

    assert sorted(p.name for p in path.iterdir()) == ["corpus-0.h5", "manifest.json"]


def test_a_store_opens_while_a_lock_and_other_files_come_and_go(
    path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_lock(path):
        create_run(path, planted_plan(corpus), corpus)
    (path / "notes.txt").touch()
    scan = os.scandir

    def vanishing(folder: Any) -> Any:
        entries = list(scan(folder))
        for name in ("lock", "notes.txt"):
            (path / name).unlink(missing_ok=True)
        return iter(entries)

    for look in (open_store, store_info):
        (path / "notes.txt").touch()
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", vanishing)
            look(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", vanishing)
        (path / "notes.txt").touch()
        assert check_store(path).is_good is False


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_lock_that_names_nobody_is_left_to_the_user(
    content: bytes, path: Path
) -> None:
    path.mkdir()
    (path / "lock").write_bytes(content)

    message = r"remove .*lock when that run is gone"
    with pytest.raises(StoreError, match=message), run_lock(path):
        pass

    assert (path / "lock").read_bytes() == content


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_written_where_something_else_stands(kind: str, path: Path) -> None:
    if kind == "file":
        path.write_text("thesis")
    elif kind == "folder":
        path.mkdir()
        (path / "thesis.tex").write_text("text")
    else:
        path.symlink_to(path.with_name("nowhere"))

    message = "is no store and not replaced"
    with pytest.raises(OutputExistsError, match=message), run_lock(path):
        pass

    assert [p.name for p in path.parent.iterdir()] == ["run.crp"]
    assert kind != "folder" or [p.name for p in path.iterdir()] == ["thesis.tex"]


def test_an_error_within_gives_the_lock_back(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), run_lock(path):
        raise KeyboardInterrupt

    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_of_runs_that_start_at_once_exactly_one_proceeds(tmp_path: Path) -> None:
    dead = dead_lock(tmp_path / "dead.crp")

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RACE, str(tmp_path), "20", "4", dead],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    # One of them had each store, and left no empty folder.
    assert done.stdout.splitlines() == ["1 0"] * 20
