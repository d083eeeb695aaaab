"""Virtual environments of their own for programs that conceptlrp is compared with.

They lie in the user's cache and are made when they are first needed; one that was
begun and not finished is made anew.
"""

import subprocess
import sys
import venv
from pathlib import Path

from platformdirs import user_cache_path

_READY = "ready.txt"


class EnvironmentUnavailableError(RuntimeError):
    """An environment that cannot be made here."""


def cached_folder(name: str) -> Path:
    """Name the place of an environment by what it holds and its Python."""
    python = ".".join(map(str, sys.version_info[:2]))
    return user_cache_path("conceptlrp") / f"{name}-python-{python}"


def environment_python(folder: Path, *steps: tuple[str, ...]) -> Path:
    """Return the interpreter of an environment, which is made if it is missing.

    Parameters
    ----------
    folder : Path
        Where the environment is or shall be.
    *steps : tuple of str
        What pip is to install, one call after the other.

    Raises
    ------
    EnvironmentUnavailableError
        With pip's last lines, where the packages cannot be had, and for a folder
        that holds something else.
    """
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / _READY).is_file():
        _refuse_other_content(folder)
        _make(folder)
        for packages in steps:
            _install(python, *packages)
        installed = " ".join(package for step in steps for package in step)
        (folder / _READY).write_text(f"{installed}\n")
    return python


def _refuse_other_content(folder: Path) -> None:
    """Protect a folder that is no environment from being cleared."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "pyvenv.cfg").is_file():
        msg = f"{folder} holds something that is no environment; name another folder"
        raise EnvironmentUnavailableError(msg)


def _make(folder: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        msg = f"no virtual environment can be made in {folder} ({error})"
        raise EnvironmentUnavailableError(msg) from error


def _install(python: Path, *packages: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = [x for x in error.stderr.splitlines() if not x.startswith("WARNING")]
        msg = f"pip cannot install {' '.join(packages)}: {' '.join(lines[-3:])}"
        raise EnvironmentUnavailableError(msg) from error
