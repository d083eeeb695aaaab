from .app import (
    explorer_app as explorer_app,
    run_server as run_server,
)
from .engine import (
    ExplorerEngine as ExplorerEngine,
)

__all__ = [
    "ExplorerEngine",
    "explorer_app",
    "run_server",
]
