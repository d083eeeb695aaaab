"""Files that are derived from a complete store later: labels, clusterings and so on.

Each is listed in the manifest with its size and hash, as everything in a store is.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store.finish import write_derived
from conceptlrp.store.lock import run_lock
from conceptlrp.store.manifest import Manifest, read_manifest, write_manifest
from conceptlrp.store.receipts import is_intact


def save_derived(
    path: str | os.PathLike[str],
    name: str,
    content: bytes | memoryview,
    *,
    overwrite: bool = False,
) -> Manifest:
    """Add a file to a complete store and to the table of its manifest.

    Returns: the new one.
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


def derived_file(path: str | os.PathLike[str], name: str) -> Path | None:
    """Find a file that may have been added to a store.

    Returns: none where the store has none of this name.
    """
    folder = Path(path)
    place, entry = folder / name, read_manifest(folder).files.get(name)
    if entry is None and not os.path.lexists(place):
        return None
    if entry is None:
        msg = f"{place}: is not listed in the manifest of the store; remove it"
        raise StoreError(msg)
    if not is_intact(folder, name, entry, verify=True):
        msg = f"{place}: is missing or damaged; make it again with --overwrite"
        raise StoreError(msg)
    return place


def check_origin(
    path: Path, origin: Mapping[str, str], manifest: Manifest, *, remedy: str
) -> None:
    """Refuse what was made from another network or corpus than a store's."""
    for kind in ("network", "corpus"):
        found = origin.get(kind, "")
        expected = str(getattr(manifest, kind).get("digest", ""))
        if found != expected:
            msg = (
                f"{path}: made from {kind} {found[:8] or 'unknown'}, the store has "
                f"{expected[:8]}; run '{remedy}'"
            )
            raise StoreError(msg)


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
