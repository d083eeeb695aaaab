"""Output folders and files that appear complete or not at all.

What others write by a path, such as a library of tables, is written beside its
place and takes its name when all of it is on the disk.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conceptlrp.errors import OutputExistsError
from conceptlrp.files import sync_folder

__all__ = [
    "check_place",
    "check_room",
    "remove_leftovers",
    "staged_file",
    "staged_folder",
]


@contextmanager
def staged_folder(
    out: str | os.PathLike[str], *, marker: str, overwrite: bool = False
) -> Iterator[Path]:
    """Write a folder beside its place and move it there when all is written.

    Yields: a hidden folder to write into. It is removed when the body fails.
    """
    place = Path(out)
    check_place(place, marker, overwrite=overwrite)
    place.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(place)
    staging = place.with_name(f".{place.name}.{os.getpid()}")
    former = place.with_name(f".{place.name}.{os.getpid()}.old")
    staging.mkdir()
    try:
        yield staging
        # A folder can only take the name of an empty one.
        if place.exists():
            place.rename(former)
        staging.replace(place)
    except BaseException as error:
        if former.exists() and not place.exists():
            former.rename(place)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(place)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


@contextmanager
def staged_file(
    out: str | os.PathLike[str],
    *,
    is_kind: Callable[[Path], bool],
    overwrite: bool = False,
) -> Iterator[Path]:
    """Write a file beside its place and move it there when all is written.

    Yields: a hidden file to write, which is not there yet. It is removed when the body
    fails.
    """
    place = Path(out)
    plain = place.is_file() and not place.is_symlink()
    _check_free(place, lambda: plain and is_kind(place), overwrite=overwrite)
    place.parent.mkdir(parents=True, exist_ok=True)
    staging = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield staging
        with staging.open("rb") as written:
            os.fsync(written.fileno())
        staging.replace(place)
        sync_folder(place.parent)
    except OSError as error:
        if error.filename in (None, str(staging)):
            error.filename = str(place)
        raise
    finally:
        staging.unlink(missing_ok=True)


def check_room(path: Path, size: int) -> None:
    """Refuse to write what the disk has no room for.

    HDF5 ends the whole program when a disk is full, so what is written by it is
    asked for beforehand.
    """
    place = path if path.is_dir() else path.parent
    if shutil.disk_usage(place).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check_place(place: Path, marker: str, *, overwrite: bool) -> None:
    """Refuse a place where something stands that must not be replaced."""
    fits = (place / marker).is_file
    _check_free(place, fits, f" (it has no {marker})", overwrite=overwrite)


def _check_free(
    place: Path, fits: Callable[[], bool], lack: str = "", *, overwrite: bool
) -> None:
    if not place.exists() and not place.is_symlink():
        return
    if not overwrite:
        msg = f"{place}: already exists; choose another name or ask to overwrite it"
        raise OutputExistsError(msg)
    if not fits():
        msg = (
            f"{place}: is not of the kind to be written{lack} and is not replaced; "
            "choose another name"
        )
        raise OutputExistsError(msg)


def remove_leftovers(place: Path) -> None:
    """Remove what processes that were killed have left beside a folder."""
    pattern = re.compile(rf"\.{re.escape(place.name)}\.([0-9]+)")
    for path in place.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and not _is_running(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
