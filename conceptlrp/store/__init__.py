"""Relevance of a corpus on disk: layout, runs, reader and rankings."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
