"""Output folders and files that appear complete or not at all.

What is written by a path, such as by a library of tables, is written in a hidden folder
beside its place and takes its place when all of it is there. The hidden folder has a
file that says which process made it for what. By it, the next one to write the same
output puts back or removes what a killed process has left, and nothing else.

A folder of outputs has a marker: a file of JSON with its kind and all that belongs to
it. Only such a folder is replaced, and only when nothing else lies in it.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from conceptlrp import jsontext
from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.files import (
    check_replaced,
    hidden_name,
    refuse_existing,
    sync_folder,
    unfinished_name,
    write_new,
)
from conceptlrp.processes import is_gone, named, this_process

__all__ = [
    "check_folder",
    "check_room",
    "clear_leftovers",
    "move_into_place",
    "others_in",
    "read_marker",
    "refuse_others",
    "staged_file",
    "staged_folder",
    "staging_folder",
]

_OWNER: Final = "owner.json"
_FORMER: Final = "former"
_STAGING: Final = "conceptlrp-staging"
# Of renameat2 in Linux.
_HERE, _EXCHANGE = -100, 2


@contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """Make a hidden folder beside a place, with room for what is to stand there.

    Yields: where to write it, which is not there yet. The hidden folder goes at the
    end, whatever happens; what a killed process has left is seen to at the beginning.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(place)
    folder = place.with_name(hidden_name(place.name))
    try:
        _own(folder)
        yield folder / place.name
    except OSError as error:
        if error.errno is not None and str(error.filename) in ("None", str(folder)):
            error.filename = str(place)
        raise
    finally:
        _remove(folder, place)


@contextmanager
def staged_folder(
    out: str | os.PathLike[str],
    *,
    marker: str,
    kind: str,
    about: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Iterator[Path]:
    """Write a folder beside its place and move it there when all is written.

    Its marker, with what it is `about`, is written after the body. Yields: the hidden
    folder to write into.
    """
    place = Path(out)
    clear_leftovers(place)
    check_folder(place, marker, kind, overwrite=overwrite)
    with staging_folder(place) as folder:
        folder.mkdir()
        yield folder
        files = sorted(_files(folder))
        header = {"encoding-type": kind, "encoding-version": "1"}
        text = {**header, **(about or {}), "files": files}
        write_new(folder / marker, jsontext.dumps(text, indent=True) + b"\n")
        check_folder(place, marker, kind, overwrite=overwrite)
        move_into_place(folder, place)


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
    known: Any = {"error": FileFormatError, "token": is_kind}
    check_replaced(place, overwrite=overwrite, **known)
    with staging_folder(place) as staged:
        try:
            yield staged
            with staged.open("rb") as written:
                os.fsync(written.fileno())
        except OSError as error:
            if error.filename in (None, str(staged)):
                error.filename = str(place)
            raise
        # Somebody may have put another one there meanwhile.
        check_replaced(place, overwrite=overwrite, **known)
        staged.replace(place)
        sync_folder(place.parent)


def move_into_place(folder: Path, place: Path) -> None:
    """Let a staged folder take its place, and the former one go.

    Where the system can exchange two folders, one of them is there at any moment. Where
    it cannot, the next process to write here puts the former one back after a kill.
    """
    for path in (*(folder / name for name in _files(folder)), *_folders(folder)):
        _sync(path)
    if place.exists() and not exchange(folder, place):
        place.rename(folder.with_name(_FORMER))
        folder.rename(place)
    elif not place.exists():
        folder.rename(place)
    sync_folder(place.parent)


def check_room(path: Path, size: int) -> None:
    """Refuse to write what the disk has no room for.

    HDF5 ends the whole program when a disk is full, so what is written by it is
    asked for beforehand.
    """
    place = path if path.is_dir() else path.parent
    if shutil.disk_usage(place).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check_folder(place: Path, marker: str, kind: str, *, overwrite: bool) -> None:
    """Refuse a place where anything stands that must not be replaced."""
    refuse_existing(place, overwrite=overwrite)
    if not os.path.lexists(place):
        return
    record = read_marker(place, marker, kind)
    if record is None or place.is_symlink():
        msg = (
            f"{place}: is not of the kind to be written (it has no {marker} of {kind}) "
            "and is not replaced; choose another name"
        )
        raise OutputExistsError(msg)
    own = record.get("files", ())
    refuse_others(place, others_in(place, [marker, *own]))


def read_marker(place: Path, marker: str, kind: str) -> dict[str, Any] | None:
    """Read the marker of a folder, None where it has none of this kind."""
    try:
        record = jsontext.read(place / marker)
        return record if record["encoding-type"] == kind else None
    except (OSError, ValueError, KeyError):
        return None


def others_in(place: Path, own: list[str]) -> list[str]:
    """Return what lies in a folder besides files of these addresses, sorted."""
    known = {above for each in own for above in _with_folders(each)}
    found = []
    for folder, folders, files in os.walk(place):
        inside = Path(folder).relative_to(place)
        here = {name: (inside / name).as_posix() for name in (*folders, *files)}
        found += [address for address in here.values() if address not in known]
        folders[:] = [name for name in folders if here[name] in known]
    return sorted(found)


def refuse_others(place: Path, others: list[str]) -> None:
    """Refuse to replace a folder in which there is something of somebody else."""
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        msg = (
            f"{place}: holds {', '.join(others[:3])}{more}, which conceptlrp has not "
            "made, and is not replaced; move it away or choose another name"
        )
        raise OutputExistsError(msg)


def clear_leftovers(place: Path) -> None:
    """Put back or remove what processes that were killed have left for a place.

    What may be of a process that is at work stays, and is named where it cannot be
    known from here.
    """
    if not place.parent.is_dir():
        return
    for path in sorted(place.parent.iterdir()):
        if unfinished_name(path.name) != place.name or path.is_symlink():
            continue
        if path.is_file():
            path.unlink(missing_ok=True)
            continue
        owner = read_marker(path, _OWNER, _STAGING)
        is_new = owner is None and {each.name for each in path.iterdir()} <= {_OWNER}
        # A kill leaves an empty one before its owner is written, or at the end.
        gone = is_new or is_gone(owner or {})
        if gone:
            _remove(path, place)
        elif gone is None:
            msg = (
                f"{path}: was left by {named(owner or {})}; remove it when that is gone"
            )
            warnings.warn(msg, UserWarning, stacklevel=3)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change their names at once, where the system can do that."""
    call = _renameat2()
    if call is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(call(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)


@cache
def _renameat2() -> Any:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _own(folder: Path) -> None:
    """Make a hidden folder and say in it whose it is."""
    text = json.dumps({"encoding-type": _STAGING, **this_process()}).encode()
    while True:
        folder.mkdir()
        # Another process may take it for an empty one that was left.
        with suppress(FileNotFoundError):
            write_new(folder / _OWNER, text)
            return


def _remove(folder: Path, place: Path) -> None:
    """Remove a hidden folder, that which says whose it is last.

    What has made room in it and was not replaced goes back to its place.
    """
    with suppress(OSError):
        if (folder / _FORMER).exists() and not place.exists():
            (folder / _FORMER).rename(place)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _OWNER:
                path.unlink(missing_ok=True)
        if [path.name for path in folder.iterdir()] in ([_OWNER], []):
            (folder / _OWNER).unlink(missing_ok=True)
            folder.rmdir()


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _files(folder: Path) -> Iterator[str]:
    """Return the addresses of all files in a folder."""
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _folders(folder: Path) -> list[Path]:
    return [*(path for path in folder.rglob("*") if path.is_dir()), folder]


def _with_folders(address: str) -> list[str]:
    parts = address.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
