"""Files that appear whole or not at all, whatever happens while they are written.

Content goes to a hidden file beside its place, is waited for until it is on the
disk, and then takes its name; the folder is waited for too, so that a power cut
loses nothing that was reported as written.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conceptlrp.errors import FileFormatError, OutputExistsError, check_type

_SUFFIX = ".tmp"
_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


def file_stem(name: str) -> str:
    """Make a name that is safe in every file system and unlike any other's.

    >>> file_stem("conv3"), file_stem("trunk/3")
    ('conv3', 'trunk-3-f8651b34')
    """
    if re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9_-])?", name):
        return name
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32]
    return f"{safe or 'layer'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def checked_path(path: object) -> Path:
    """Return a path, or refuse what is none."""
    check_type(path, str | os.PathLike, "path", "a str or Path")
    return Path(path)  # type: ignore[arg-type]


def checked_paths(paths: object, what: str, error: type[FileFormatError]) -> list[Path]:
    """Return one path or several as a list that is not empty."""
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        return [checked_path(paths)]
    listed = [checked_path(path) for path in paths]
    if not listed:
        msg = f"no {what} given"
        raise error(msg)
    return listed


def write_whole(
    path: str | os.PathLike[str],
    content: bytes | memoryview,
    *,
    overwrite: bool,
    error: type[FileFormatError],
) -> None:
    """Write a file that is there completely or not at all."""
    path = Path(path)
    if path.exists() and not overwrite:
        msg = f"{path}: exists already; pass overwrite=True to replace it"
        raise OutputExistsError(msg)
    with clear_write_errors(path, error):
        try:
            _write_and_rename(path, content)
        except FileNotFoundError:
            # Another process may have taken the hidden file for a leftover.
            _write_and_rename(path, content)
        sync_folder(path.parent)


@contextmanager
def clear_write_errors(path: Path, error: type[FileFormatError]) -> Iterator[None]:
    """Turn what the system reports of a write into one clear error."""
    try:
        yield
    except OSError as failure:
        reason = (failure.strerror or str(failure) or type(failure).__name__).lower()
        msg = f"{path}: cannot be written: {reason}"
        raise error(msg) from failure


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder."""
    for path in folder.glob(f".*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def is_unfinished(name: str) -> bool:
    """Tell the name of a file that is being written, or whose writer was killed."""
    return name.startswith(".") and name.endswith(_SUFFIX)


def unfinished_name(name: str) -> str | None:
    """Return which file a hidden one was to become, None for any other file."""
    found = _UNFINISHED.fullmatch(name)
    return None if found is None else found[1]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_and_rename(path: Path, content: bytes | memoryview) -> None:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        _write(unfinished, content)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes | memoryview) -> None:
    """Write a new file and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(content)
        while left:
            # The system may take less than it is given.
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
