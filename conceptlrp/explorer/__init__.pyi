from .app import (
    explorer_app as explorer_app,
)
from .engine import (
    ExplorerEngine as ExplorerEngine,
)
from .server import (
    run_server as run_server,
)

__all__ = [
    "ExplorerEngine",
    "explorer_app",
    "run_server",
]
