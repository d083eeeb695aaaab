"""An atlas on disk: made whole, or brought up to date file by file.

Everything is written beside the atlas first. An atlas that exists then gets the
files that differ, each by a rename, and loses those that it has no more; the
marker lists all files in between, so that a process killed at any moment leaves
whole files only and the next one knows which are its own.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conceptlrp.errors import OutputExistsError
from conceptlrp.staging import check_place, remove_leftovers, staged_folder

#: The file by which a folder is known to be an atlas; it lists the others.
MARKER: Final = "atlas.json"
_ADDRESS: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


@dataclass(frozen=True)
class Draft:
    """Where files are written before they are part of an atlas.

    `folder` holds what differs from `former`, the atlas that is brought up to date.
    """

    folder: Path
    former: Path | None = None

    def write(self, address: str, content: bytes) -> None:
        """Write a file unless the former atlas has the same."""
        if self.former is not None and _holds(self.former / address, content):
            return
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@contextmanager
def updated_folder(
    out: str | os.PathLike[str], *, overwrite: bool = False
) -> Iterator[Draft]:
    """Make an atlas, or bring one up to date; the marker is to be written last.

    The draft is removed when the body fails, and the atlas stays as it was.
    """
    place = Path(out)
    if not place.exists() and not place.is_symlink():
        with staged_folder(place, marker=MARKER) as folder:
            yield Draft(folder)
        return
    check_place(place, MARKER, overwrite=overwrite)
    former = _read_marker(place)
    remove_leftovers(place)
    folder = place.with_name(f".{place.name}.{os.getpid()}")
    folder.mkdir()
    try:
        yield Draft(folder, place)
        _apply(folder, place, former)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(place)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read_marker(place: Path) -> dict[str, Any]:
    """Read the list of files; whoever made it, it leads nowhere outside."""
    try:
        record = json.loads((place / MARKER).read_bytes())
        addresses = list(record["files"])
        if all(_ADDRESS.fullmatch(each) for each in addresses):
            return dict(record)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    msg = (
        f"{place}: its {MARKER} does not list the files of the atlas, so that "
        "it cannot be brought up to date; choose another name"
    )
    raise OutputExistsError(msg)


def _apply(folder: Path, place: Path, former: Mapping[str, Any]) -> None:
    marker, own = folder / MARKER, former["files"]
    changed = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != marker
    )
    # A marker that stays the same was not written again.
    files = json.loads(marker.read_bytes())["files"] if marker.exists() else own
    _check_own(place, changed, own)
    if marker.exists():
        either = {**former, "files": {**own, **files}}
        _put(place / MARKER, json.dumps(either).encode())
    for address in changed:
        (place / address).parent.mkdir(parents=True, exist_ok=True)
        (folder / address).replace(place / address)
    for address in sorted(set(own).difference(files)):
        _remove(place, address)
    if marker.exists():
        marker.replace(place / MARKER)


def _check_own(place: Path, changed: list[str], own: Mapping[str, Any]) -> None:
    for address in changed:
        if address not in own and (place / address).exists():
            msg = (
                f"{place / address}: is not of the atlas and is not replaced; "
                "move it away"
            )
            raise OutputExistsError(msg)


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _remove(place: Path, address: str) -> None:
    """Remove a file, and the folders above it that are empty then."""
    path = place / address
    path.unlink(missing_ok=True)
    with suppress(OSError):
        for above in path.parents:
            if above == place:
                break
            above.rmdir()
