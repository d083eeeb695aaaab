"""Output folders that appear complete or not at all."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conceptlrp.errors import OutputExistsError

__all__ = ["check_place", "remove_leftovers", "staged_folder"]


@contextmanager
def staged_folder(
    out: str | os.PathLike[str], *, marker: str, overwrite: bool = False
) -> Iterator[Path]:
    """Write a folder beside its place and move it there when all is written.

    Parameters
    ----------
    out : path
        Where the folder shall stand; parent folders are made.
    marker : str
        Name of a file by which a folder of the same kind is recognised.
    overwrite : bool
        Replace such a folder; anything else is never replaced.

    Yields
    ------
    Path
        A hidden folder to write into. It is removed when the body fails.

    Raises
    ------
    OutputExistsError
        If something stands at `out` that must not be replaced.
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


def check_place(place: Path, marker: str, *, overwrite: bool) -> None:
    """Refuse a place where something stands that must not be replaced.

    Parameters
    ----------
    place : Path
        Where a folder shall stand.
    marker : str
        Name of a file by which a folder of the same kind is recognised.
    overwrite : bool
        Whether such a folder may be replaced.

    Raises
    ------
    OutputExistsError
        If it must not.
    """
    if not place.exists() and not place.is_symlink():
        return
    if not overwrite:
        msg = f"{place}: already exists; choose another name or ask to overwrite it"
        raise OutputExistsError(msg)
    if not (place / marker).is_file():
        msg = (
            f"{place}: is not of the kind to be written (it has no {marker}) and is "
            "not replaced; choose another name"
        )
        raise OutputExistsError(msg)


def remove_leftovers(place: Path) -> None:
    """Remove what processes that were killed have left beside a folder.

    Parameters
    ----------
    place : Path
        The folder that they wrote.
    """
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
