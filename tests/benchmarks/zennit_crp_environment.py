"""A virtual environment of its own for zennit-crp, made when it is needed.

zennit-crp 0.6.0 wants zennit 0.4.6 at most, conceptlrp wants 0.5.1, so the two
cannot be installed together. The environment gets the torch of the interpreter
that makes it, so that both sides of a comparison compute with the same one. It
has no torchvision: zennit and zennit-crp import three names of it and call none
of them here, and the worker that runs there lends them placeholders.
"""

import subprocess
import sys
import venv
from pathlib import Path

import torch
from platformdirs import user_cache_path

ZENNIT_CRP, ZENNIT = "0.6.0", "0.4.6"
_LIBRARIES = ("numpy>=2", "click", "matplotlib", "pillow", "tqdm")
_READY = "ready.txt"


class EnvironmentUnavailableError(RuntimeError):
    """zennit-crp's environment cannot be made here."""


def default_folder() -> Path:
    """Name the environment's place in the user's cache, by what it holds."""
    python = ".".join(map(str, sys.version_info[:2]))
    name = f"zennit-crp-{ZENNIT_CRP}-torch-{torch.__version__}-python-{python}"
    return user_cache_path("conceptlrp") / name


def zennit_crp_python(folder: Path | None = None) -> Path:
    """Return the interpreter of the environment, which is made if it is missing.

    Parameters
    ----------
    folder : Path, optional
        Where the environment is or shall be; `default_folder` by default. One
        that was begun and not finished is made anew.

    Raises
    ------
    EnvironmentUnavailableError
        With pip's last lines, where the packages cannot be had, and for a folder
        that holds something else.
    """
    folder = folder or default_folder()
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / _READY).is_file():
        _refuse_other_content(folder)
        _make(folder, python)
    return python


def _refuse_other_content(folder: Path) -> None:
    """Protect a folder that is no environment from being cleared."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "pyvenv.cfg").is_file():
        msg = f"{folder} holds something that is no environment; name another folder"
        raise EnvironmentUnavailableError(msg)


def _make(folder: Path, python: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        msg = f"no virtual environment can be made in {folder} ({error})"
        raise EnvironmentUnavailableError(msg) from error
    version = torch.__version__.split("+")[0]
    _install(python, f"torch=={version}", *_LIBRARIES)
    # Without their dependencies: zennit asks for torchvision, which pulls in a
    # torch of its own choice.
    _install(python, "--no-deps", f"zennit=={ZENNIT}", f"zennit-crp=={ZENNIT_CRP}")
    (folder / _READY).write_text(f"zennit-crp {ZENNIT_CRP}, zennit {ZENNIT}\n")


def _install(python: Path, *packages: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = [x for x in error.stderr.splitlines() if not x.startswith("WARNING")]
        msg = f"pip cannot install {' '.join(packages)}: {' '.join(lines[-3:])}"
        raise EnvironmentUnavailableError(msg) from error
