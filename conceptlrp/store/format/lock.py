"""One run at a time: a file in the folder of a store that says who fills it.

The file names host, boot and process. It takes its name by a link, which only
one process can make. A process that is gone leaves it behind; the next one on
the same host sees that and takes its place.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.files import is_unfinished
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.format.schema import FIRST_BASELINE, LOCK

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def run_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other runs out of a store, from its first file to its last."""
    folder = Path(path)
    refuse_foreign(folder)
    try:
        _enter(folder)
    except OSError as error:
        msg = f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}"
        raise StoreError(msg) from error
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink()
        with suppress(OSError):
            folder.rmdir()


def refuse_foreign(folder: Path) -> None:
    """Raise `OutputExistsError` for a place that holds something else than a store."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir() or not (is_store(folder) or _is_new(folder)):
        msg = f"{folder}: is no store and not replaced; choose another name"
        raise OutputExistsError(msg)


def lock_holder(folder: Path) -> dict[str, Any] | None:
    """Return who has the lock of a store, None when nobody has."""
    try:
        found = json.loads((folder / LOCK).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_new(folder: Path) -> bool:
    """Tell a folder with nothing in it but what a run leaves at its very start."""
    first = (LOCK, FIRST_BASELINE)
    return all(p.name in first or is_unfinished(p.name) for p in folder.iterdir())


def _enter(folder: Path) -> None:
    """Make the folder and take its lock."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        # Another run that has found nothing to do may remove the folder meanwhile.
        with suppress(FileNotFoundError):
            return _acquire(folder)


def _acquire(folder: Path) -> None:
    """Make the lock file, in the place of one whose holder is gone."""
    # Only processes of this host remove its dead locks; one at a time, so that none
    # removes the lock of the one that was faster.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        holder = lock_holder(folder)
        if holder is not None and _is_gone(holder):
            (folder / LOCK).unlink()
        _link(folder)
    finally:
        os.close(descriptor)


def _link(folder: Path) -> None:
    unfinished = folder / f".{LOCK}.{secrets.token_hex(4)}.tmp"
    unfinished.write_text(json.dumps(_this_process()), encoding="utf-8")
    try:
        (folder / LOCK).hardlink_to(unfinished)
    except FileExistsError:
        holder = lock_holder(folder) or {}
        msg = (
            f"{folder}: another run fills it (process {holder.get('pid')} on "
            f"{holder.get('host')}); wait for it, or remove {folder / LOCK} when "
            "that run is gone"
        )
        raise StoreError(msg) from None
    finally:
        unfinished.unlink(missing_ok=True)


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {
        "encoding-type": "conceptlrp-lock",
        "encoding-version": "1",
        "host": socket.gethostname(),
        "boot": _boot(),
        "pid": pid,
        "start": _start(pid),
    }


def _is_gone(holder: dict[str, Any]) -> bool:
    """Tell whether the process that has a lock cannot be running any more."""
    if holder.get("host") != socket.gethostname():
        return False
    pid = holder.get("pid")
    if holder.get("boot") != _boot() or not isinstance(pid, int):
        return True
    return not _is_running(pid) or holder.get("start") != _start(pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    # A process that was killed keeps its number until its parent has noticed.
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _boot() -> str:
    """Return what names this boot of the machine, nothing where that is unknown."""
    return _BOOT.read_text().strip() if _BOOT.is_file() else ""


def _start(pid: int) -> str:
    """Return when a process began, so that a number used again is not mistaken."""
    stat = _stat(pid)
    return stat[19] if len(stat) > 19 else ""


def _stat(pid: int) -> list[str]:
    """Return what Linux tells of a process from its state on, else nothing."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # Before the state comes the name in parentheses, which may hold anything.
    return stat.rpartition(")")[2].split()
