"""Pictures that every stage can draw: boards as SVG, their colours, small HTML."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
