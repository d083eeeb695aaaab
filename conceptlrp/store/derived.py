"""Files that are derived from a complete store later: labels and clusterings.

Each is listed in the manifest with its size and hash, as everything in a store is.
"""

import os
from pathlib import Path

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store.finish import write_derived
from conceptlrp.store.lock import run_lock
from conceptlrp.store.manifest import Manifest, read_manifest, write_manifest


def save_derived(
    path: str | os.PathLike[str],
    name: str,
    content: bytes | memoryview,
    *,
    overwrite: bool = False,
) -> Manifest:
    """Add a file to a complete store and to the table of its manifest.

    Parameters
    ----------
    path : path-like
        Folder of the store.
    name : str
        Name of the file in it.
    content : bytes
        What it is to hold.
    overwrite : bool
        Replace the file of the same name.

    Returns
    -------
    Manifest
        The new one.

    Raises
    ------
    OutputExistsError
        When the file is there and must not be replaced.
    StoreError
        When the store is not complete, in use, or cannot be written.
    """
    folder = Path(path)
    with run_lock(folder):
        manifest = read_manifest(folder)
        if not manifest.is_complete:
            msg = f"{folder}: the run is not complete; resume it before {name} is added"
            raise StoreError(msg)
        if (folder / name).exists() and not overwrite:
            msg = f"{folder / name}: exists already; pass overwrite=True to replace it"
            raise OutputExistsError(msg)
        return list_derived(folder, manifest, name, content)


def list_derived(
    folder: Path, manifest: Manifest, name: str, content: bytes | memoryview
) -> Manifest:
    """Write a file, while the table of the manifest never names other bytes."""
    others = {n: entry for n, entry in manifest.files.items() if n != name}
    if name in manifest.files:
        write_manifest(folder, manifest.with_files(others))
    done = manifest.with_files({**others, **write_derived(folder, name, content)})
    write_manifest(folder, done)
    return done
