"""Writing a file so that it appears whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conceptlrp.errors import FileFormatError, OutputExistsError


@contextmanager
def written_whole(
    path: str | os.PathLike[str], *, overwrite: bool, error: type[FileFormatError]
) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and rename it when that is done.

    Parameters
    ----------
    path : str or Path
        Where the file is to appear.
    overwrite : bool
        Replace what stands there.
    error : type
        The exception for a file that cannot be written.

    Yields
    ------
    Path
        The file to write; it is removed when the body raises.

    Raises
    ------
    OutputExistsError
        Something stands at the path and is not to be overwritten.
    FileFormatError
        The file cannot be written; it is of the type ``error``.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        message = f"{path}: exists already; pass overwrite=True to replace it"
        raise OutputExistsError(message)
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as failure:
        reason = (failure.strerror or str(failure) or type(failure).__name__).lower()
        message = f"{path}: cannot be written: {reason}"
        raise error(message) from failure
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
