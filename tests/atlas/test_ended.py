"""An atlas that is ended from outside leaves neither processes nor folders."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.atlas.conftest import write_store


def children(pid: int) -> list[int]:
    """Return all processes below one, on Linux."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(word) for word in listed.read_text().split()]
    return found + [each for child in found for each in children(child)]


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_atlas_that_is_ended_leaves_nothing(number: int, tmp_path: Path) -> None:
    store = write_store(tmp_path / "run.crp")
    line = ["atlas", str(store.path), str(tmp_path / "atlas"), "--workers", "2"]
    process = subprocess.Popen([sys.executable, "-m", "conceptlrp", *line])
    below: list[int] = []
    # The server of processes, its tracker, and at least one that writes pages.
    while len(below) < 3 and process.poll() is None:
        time.sleep(0.02)
        below = children(process.pid)
    assert process.poll() is None

    process.send_signal(number)
    code = process.wait(timeout=60)
    end = time.monotonic() + 20
    while any(map(is_running, below)) and time.monotonic() < end:
        time.sleep(0.05)

    assert not any(map(is_running, below))
    if number == signal.SIGTERM:
        assert code == 128 + number
        assert [path.name for path in tmp_path.iterdir()] == ["run.crp"]
