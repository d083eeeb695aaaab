"""Tell what each channel of an AlphaZero-style Othello network has learned.

Layer-wise relevance conditioned on each channel of a network, for a corpus of
positions: on disk, ranked, clustered, and drawn as an atlas of concepts.
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
