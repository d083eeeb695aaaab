"""The live explorer: set up a position in a browser and see it explained.

Needs the extra ``explorer``.
"""

from conceptlrp.explorer.app import explorer_app
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.server import bound_socket, check_host, run_server

__all__ = [
    "ExplorerEngine",
    "bound_socket",
    "check_host",
    "explorer_app",
    "run_server",
]
