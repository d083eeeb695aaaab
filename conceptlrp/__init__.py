"""Tell what each channel of an AlphaZero-style Othello network has learned.

Layer-wise relevance conditioned on each channel of a network, for a corpus of
positions: on disk, ranked, clustered, and drawn as an atlas of concepts.
"""

from importlib import import_module
from importlib.util import find_spec

import lazy_loader

__version__ = "0.2.0"

_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name, or a folder such as `figures`, when it is asked for."""
    folder = f"{__name__}.{name}"
    is_folder = name not in __all__ and not name.startswith("_") and find_spec(folder)
    return import_module(folder) if is_folder else _public(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
