"""Programs that open exports, each in an environment of its own.

ViRelAy and scanpy pin versions of numpy and pillow that conceptlrp does not.
"""

from pathlib import Path

from tests.benchmarks.environments import (
    cached_folder,
    environment_python,
)

VIRELAY, SCANPY = "0.6.1", "1.11.5"


def virelay_python() -> Path:
    """Return the interpreter of an environment with ViRelAy's server."""
    folder = cached_folder(f"virelay-{VIRELAY}")
    return environment_python(folder, (f"virelay=={VIRELAY}",))


def scanpy_python() -> Path:
    """Return the interpreter of an environment with scanpy, Polars and DuckDB."""
    folder = cached_folder(f"scanpy-{SCANPY}")
    packages = (f"scanpy=={SCANPY}", "igraph", "leidenalg", "polars", "duckdb")
    return environment_python(folder, packages)
