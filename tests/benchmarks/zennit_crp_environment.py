"""A virtual environment of its own for zennit-crp, made when it is needed.

zennit-crp 0.6.0 wants zennit 0.4.6 at most, conceptlrp 0.5.1 or newer, so they
cannot be installed together. The environment gets the torch of the interpreter
that makes it, so that both sides of a comparison compute with the same one. It
has no torchvision: zennit and zennit-crp import three names of it and call none
of them here, and the worker that runs there lends them placeholders.
"""

from pathlib import Path

import torch

from tests.benchmarks.environments import cached_folder, environment_python

ZENNIT_CRP, ZENNIT = "0.6.0", "0.4.6"
_LIBRARIES = ("numpy>=2", "click", "matplotlib", "pillow", "tqdm")


def default_folder() -> Path:
    """Name the environment's place in the user's cache, by what it holds."""
    return cached_folder(f"zennit-crp-{ZENNIT_CRP}-torch-{torch.__version__}")


def zennit_crp_python(folder: Path | None = None) -> Path:
    """Return the interpreter of the environment, which is made if it is missing.

    Parameters
    ----------
    folder : Path, optional
        Where the environment is or shall be; `default_folder` by default.

    Raises
    ------
    EnvironmentUnavailableError
        Where it cannot be made.
    """
    version = torch.__version__.split("+")[0]
    return environment_python(
        folder or default_folder(),
        (f"torch=={version}", *_LIBRARIES),
        # Without their dependencies: zennit asks for torchvision, which pulls in a
        # torch of its own choice.
        ("--no-deps", f"zennit=={ZENNIT}", f"zennit-crp=={ZENNIT_CRP}"),
    )
