"""Which process has made something, and whether it can still be at work on it.

A number of a process means something within one boot of one machine, and within one
namespace of numbers: every container counts its own, whatever its host is called. Where
that does not decide whether a process is gone, nobody may act as if it were.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any, Final, NoReturn

_BOOT: Final = "/proc/sys/kernel/random/boot_id"
# What Linux numbers the namespace in which a machine starts, PROC_PID_INIT_INO.
_FIRST_NAMESPACE: Final = "pid:[4026531836]"


def this_process() -> dict[str, Any]:
    """Say who is at work here, ready for JSON; text is empty where it is unknown."""
    pid, namespace = os.getpid(), ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return {
        "host": socket.gethostname(),
        "machine": _text("/etc/machine-id"),
        "boot": _text(_BOOT),
        "namespace": namespace,
        "pid": pid,
        "start": _start(pid),
    }


def is_gone(process: Mapping[str, Any]) -> bool | None:
    """Tell whether a process has ended, None where that cannot be known from here."""
    here, pid = this_process(), process.get("pid")
    if not isinstance(pid, int) or not here.keys() <= process.keys():
        return None
    same = {key for key, value in here.items() if process[key] == value}
    if {"boot", "namespace"} <= same and (here["boot"] or "host" in same):
        return not _is_running(pid) or process["start"] != _start(pid)
    # A machine that has started again, which no container can tell of itself.
    restarted = here["machine"] and {"machine", "host", "namespace"} <= same
    if restarted and here["namespace"] == _FIRST_NAMESPACE and process["boot"]:
        return True
    return None


def named(process: Mapping[str, Any]) -> str:
    """Name a process in a message."""
    return f"process {process.get('pid')} on {process.get('host')}"


def end_in_order(_number: int, _frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM: leave through all that tidies up, as after an error."""
    sys.exit(128 + signal.SIGTERM)


def end_with_parent() -> None:
    """Let this process end as soon as the one is gone that it works for."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        # The first process decides what a signal to all of them means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

        def watch() -> None:
            wait([parent.sentinel])
            os._exit(1)

        Thread(target=watch, daemon=True).start()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    # A process that was killed keeps its number until its parent has noticed.
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _start(pid: int) -> str:
    """Return when a process began, so that a number used again is not mistaken."""
    stat = _stat(pid)
    return stat[19] if len(stat) > 19 else ""


def _stat(pid: int) -> list[str]:
    """Return what Linux tells of a process from its state on, else nothing."""
    # Before the state comes the name in parentheses, which may hold anything.
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
