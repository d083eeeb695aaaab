"""Figures for papers, drawn with matplotlib, which is an extra.

Every function returns a matplotlib Figure that belongs to nobody else, and
`save_figure` writes it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
