"""The live explorer: set up a position in a browser and see it explained.

Needs the extra ``explorer``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
