"""Relevance between the channels of adjacent layers, averaged over a corpus."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
