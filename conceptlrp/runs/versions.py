"""Versions of the packages that numbers depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("conceptlrp", "h5py", "numpy", "torch", "zennit")


def package_versions() -> dict[str, str]:
    """Return the version of Python and of every package that computes."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
