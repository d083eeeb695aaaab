"""One run at a time: a file in the folder of a store that says who fills it.

The file names machine, boot, namespace and process. It takes its name by a link, which
only one process can make, or is made under its name where the file system has no
links. A process that is gone leaves it behind; the next one that can tell so takes its
place. Where nobody can tell, as in another container, it is left to the user.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.files import hidden_name, is_unfinished, write_new
from conceptlrp.jsontext import read
from conceptlrp.processes import is_gone, named, this_process
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.format.schema import FIRST_BASELINE, LOCK

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]


_LARGEST = 1 << 16


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
        return read(folder / LOCK, largest=_LARGEST)
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


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
    # Only processes of this boot remove its dead locks; one at a time, so that none
    # removes the lock of the one that was faster.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        holder = lock_holder(folder)
        if holder is not None and is_gone(holder):
            (folder / LOCK).unlink()
        _link(folder)
    finally:
        os.close(descriptor)


def _link(folder: Path) -> None:
    header = {"encoding-type": "conceptlrp-lock", "encoding-version": "2"}
    text = json.dumps({**header, **this_process()}).encode()
    unfinished = folder / hidden_name(LOCK)
    try:
        _create(unfinished, text)
        try:
            (folder / LOCK).hardlink_to(unfinished)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:
            # Not every file system has links.
            _create(folder / LOCK, text)
    except FileExistsError:
        holder = lock_holder(folder) or {}
        msg = (
            f"{folder}: another run fills it ({named(holder)}); wait for it, or "
            f"remove {folder / LOCK} when that run is gone"
        )
        raise StoreError(msg) from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _create(path: Path, text: bytes) -> None:
    try:
        write_new(path, text)
    except FileExistsError:
        raise
    except OSError:
        path.unlink(missing_ok=True)
        raise
