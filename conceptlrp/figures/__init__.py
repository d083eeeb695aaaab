"""Figures for papers, drawn with matplotlib, which is an extra.

Every function returns a matplotlib Figure that belongs to nobody else, and `save`
writes it.
"""

from importlib.util import find_spec

import lazy_loader

from conceptlrp.errors import ConceptLRPError

if find_spec("matplotlib") is None:
    msg = "figures need matplotlib; pip install 'conceptlrp[figures]'"
    raise ConceptLRPError(msg)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
