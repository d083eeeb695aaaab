"""Files that appear whole or not at all, whatever happens while they are written.

Content goes to a hidden file beside its place, is waited for until it is on the
disk, and then takes its name; the folder is waited for too, so that a power cut
loses nothing that was reported as written. The name of a hidden file holds a proof of
its origin, so that what a killed process has left is told from what a user calls alike.
"""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from conceptlrp.errors import FileFormatError, OutputExistsError, check_type

_SUFFIX = ".tmp"
_UNFINISHED = re.compile(r"\.(.+)\.([0-9a-f]{8})([0-9a-f]{4})\.tmp")
_SEARCHED = 1 << 22
#: What tells a file of ours: what is in it, the form of all its lines where a format
#: has no place for more, or a function.
Token: TypeAlias = bytes | re.Pattern[bytes] | Callable[[Path], bool]
# What file systems answer that cannot wait for a folder.
_NO_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS)


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
    token: Token | None,
) -> None:
    """Write a file that is there completely or not at all.

    Another one is replaced as by `check_replaced`, no `token` meaning that the file is
    of a folder that others look after.
    """
    path = checked_path(path)
    check_replaced(path, overwrite=overwrite, error=error, token=token)
    with clear_write_errors(path, error):
        if token is not None:
            remove_unfinished(path.parent, path.name)
        try:
            _write_and_rename(path, content)
        except FileNotFoundError:
            # Another process may have taken the hidden file for a leftover.
            _write_and_rename(path, content)
        sync_folder(path.parent)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where anything stands, unless it may be replaced."""
    if os.path.lexists(path) and not overwrite:
        msg = f"{path}: already exists; choose another name or ask to overwrite it"
        raise OutputExistsError(msg)


def check_replaced(
    path: Path, *, overwrite: bool, error: type[FileFormatError], token: Token | None
) -> None:
    """Refuse a place where anything stands that is not to be replaced."""
    refuse_existing(path, overwrite=overwrite)
    if os.path.lexists(path) and token is not None and not _holds(path, token, error):
        msg = (
            f"{path}: is not a file that conceptlrp has written and is not replaced; "
            "choose another name"
        )
        raise OutputExistsError(msg)


def _holds(path: Path, token: Token, error: type[FileFormatError]) -> bool:
    """Tell whether a file has a token near its beginning or end, or has nothing."""
    if path.is_symlink() or not path.is_file():
        return False
    if callable(token):
        return token(path)
    with clear_write_errors(path, error), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = file.read(_SEARCHED)
        if isinstance(token, re.Pattern):
            whole = found if size <= _SEARCHED else found[: found.rfind(b"\n")]
            return all(token.fullmatch(line) for line in whole.splitlines())
        file.seek(max(0, size - _SEARCHED))
        return not size or token in found + file.read()


@contextmanager
def clear_write_errors(path: Path, error: type[FileFormatError]) -> Iterator[None]:
    """Turn what the system reports of a write into one clear error."""
    try:
        yield
    except OSError as failure:
        reason = (failure.strerror or str(failure) or type(failure).__name__).lower()
        msg = f"{path}: cannot be written: {reason}"
        raise error(msg) from failure


def hidden_name(name: str) -> str:
    """Return a new name for what is to become a file or folder of this name."""
    drawn = secrets.token_hex(4)
    return f".{name}.{drawn}{_proof(name, drawn)}{_SUFFIX}"


def _proof(name: str, drawn: str) -> str:
    return hashlib.sha256(f"conceptlrp/{name}/{drawn}".encode()).hexdigest()[:4]


def unfinished_name(name: str) -> str | None:
    """Return what a `hidden_name` was to become, None for any other name."""
    found = _UNFINISHED.fullmatch(name)
    is_own = found is not None and _proof(found[1], found[2]) == found[3]
    return found[1] if found and is_own else None


def is_unfinished(name: str) -> bool:
    """Tell the name of a file that is being written, or whose writer was killed."""
    return unfinished_name(name) is not None


def remove_unfinished(folder: Path, name: str | None = None) -> None:
    """Remove files that killed writers have left in a folder, all or those of one."""
    for path in folder.iterdir():
        whole = unfinished_name(path.name)
        if whole is not None and name in (None, whole) and path.is_file():
            path.unlink(missing_ok=True)


def listing(folder: Path) -> dict[str, os.stat_result]:
    """Return what a folder holds, but for what goes while it is looked at."""
    found = {}
    # The folder may go too.
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):
                found[entry.name] = entry.stat(follow_symlinks=False)
    return found


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where that can be done."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def _write_and_rename(path: Path, content: bytes | memoryview) -> None:
    unfinished = path.with_name(hidden_name(path.name))
    try:
        write_new(unfinished, content)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes | memoryview) -> None:
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
