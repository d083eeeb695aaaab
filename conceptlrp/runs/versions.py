"""Versions of the packages that numbers depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

from conceptlrp import __version__

_PACKAGES = ("h5py", "numpy", "torch", "zennit")


def package_versions() -> dict[str, str]:
    """Return the version of Python and of every package that computes."""
    found = {"python": platform.python_version(), "conceptlrp": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
