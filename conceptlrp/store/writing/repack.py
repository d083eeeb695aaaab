"""Pack a store's arrays another way, for readers that lack a codec."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import h5py

from conceptlrp.errors import StoreError, check_choice
from conceptlrp.files import clear_write_errors, refuse_existing
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    add_dataset,
    dataset,
    dataset_names,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.progress import OnProgress
from conceptlrp.staging import clear_leftovers, move_into_place, staging_folder
from conceptlrp.store.format import schema
from conceptlrp.store.format.manifest import (
    Manifest,
    read_manifest,
    write_file,
    write_manifest,
)
from conceptlrp.store.results.kinds import added_name, columns_file, whole_file
from conceptlrp.store.writing.finish import write_index

_BEST_RATIO = 4096


def repack_store(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    codec: str = "gzip",
    on_progress: OnProgress | None = None,
) -> Path:
    """Write a store again with its arrays packed by another codec.

    Parameters
    ----------
    path : path-like
        Folder of a store; one that is not complete, or damaged, raises `StoreError`.
    out : path-like
        Folder to write; it appears when it is complete. Something that stands there
        raises `OutputExistsError`.
    codec : str
        "gzip" and "none" are read by any program that reads HDF5, "zstd" by those
        that have its plugin.
    on_progress : callable, optional
        Called with "files", how many are done, and of how many.

    Returns
    -------
    Path
        The new folder: a store with equal arrays.
    """
    folder, place = Path(path), Path(out)
    check_choice("codec", codec, schema.CODECS)
    clear_leftovers(place)
    refuse_existing(place, overwrite=False)
    manifest = read_manifest(folder)
    if not manifest.is_complete:
        msg = f"{folder}: the run is not complete; resume it before it is repacked"
        raise StoreError(msg)
    with clear_write_errors(place, StoreError), staging_folder(place) as staging:
        _fill(folder, staging, replace(manifest, codec=codec), on_progress)
        refuse_existing(place, overwrite=False)
        move_into_place(staging, place)
    return place


def _fill(
    folder: Path,
    staging: Path,
    manifest: Manifest,
    on_progress: OnProgress | None,
) -> None:
    staging.mkdir()
    names = [name for name in manifest.files if name != schema.INDEX]
    columns, files = columns_file(manifest), {}
    for done, name in enumerate(names, start=1):
        entry = manifest.files[name]
        path = whole_file(folder, manifest, name)
        is_packed = schema.RUN_FILE.fullmatch(name) is not None or name == columns
        content = _content(path, manifest.codec, is_packed=is_packed)
        about = {"kind": schema.COLUMNS_KIND} if name == columns else entry.about
        place = added_name(about, content) if name == columns else name
        made = write_file(staging, place, content)
        files[place] = replace(made, rounding=entry.rounding, about=about)
        if on_progress is not None:
            on_progress("files", done, len(names) + 1)
    files[schema.INDEX] = write_index(staging, manifest.with_files(files))
    write_manifest(staging, manifest.with_files(files))
    if on_progress is not None:
        on_progress("files", len(names) + 1, len(names) + 1)


def _content(path: Path, codec: str, *, is_packed: bool) -> bytes | memoryview:
    """Return the new content of a file; corpus and results stay as they are."""
    if not is_packed or path.name.startswith("corpus-"):
        return path.read_bytes()
    content = BytesIO()
    with (
        opened(path, StoreError) as file,
        h5py.File(content, "w", libver=HDF5_FORMAT) as repacked,
    ):
        kinds = ("encoding-type", "encoding-version")
        set_text_attributes(repacked, {k: text_attribute(file, k) for k in kinds})
        for name in dataset_names(file):
            source = dataset(file, name, best_ratio=_BEST_RATIO)
            packed = {"chunks": source.chunks, **schema.packing(codec)}
            add_dataset(repacked, name, source[()], **packed if source.chunks else {})
    return content.getbuffer()
