"""Tell what each channel of an AlphaZero-style Othello network has learned.

Layer-wise relevance conditioned on each channel of a network, for a corpus of
positions: on disk, ranked, clustered, and drawn as an atlas of concepts.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

import lazy_loader

from conceptlrp._zennit_finder import ZennitFinder

__version__ = "0.2.0"

sys.meta_path.insert(0, ZennitFinder)
_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name, or a folder such as `figures`, when it is asked for."""
    folder = f"{__name__}.{name}"
    is_folder = name not in __all__ and not name.startswith("_") and find_spec(folder)
    return import_module(folder) if is_folder else _public(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
