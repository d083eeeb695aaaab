"""Play and training: networks learn from games, players meet in the arena."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
