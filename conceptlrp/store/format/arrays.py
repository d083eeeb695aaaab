"""Arrays as the bytes of an HDF5 file, which depend on nothing else."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import HDF5_FORMAT, set_text_attributes, text_attribute
from conceptlrp.store.format.schema import (
    ENCODING_VERSION,
    chunk_shape,
    packing,
    stored_type,
)

Arrays = Mapping[str, NDArray[Any]]


def encode_arrays(
    arrays: Arrays,
    kind: str,
    *,
    codec: str = "zstd",
    dtype: str = "float32",
) -> memoryview:
    """Return the content of an HDF5 file that holds arrays.

    Returns: the same arrays give the same bytes.
    """
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        set_kind(file, kind)
        for name in sorted(arrays):
            add_array(file, name, np.asarray(arrays[name]), codec=codec, dtype=dtype)
    return content.getbuffer()


def add_array(
    file: h5py.File, name: str, array: NDArray[Any], *, codec: str, dtype: str
) -> None:
    """Add one dataset to a file that is being written."""
    stored = array.astype(stored_type(name, array.dtype, dtype), copy=False)
    options: dict[str, Any] = {}
    if stored.size and stored.ndim:
        options = {"chunks": chunk_shape(name, stored.shape), **packing(codec)}
    created = file.create_dataset(name, data=stored, track_times=False, **options)
    # HDF5 gives chunks their place when a dataset is closed, and a profiler in
    # another thread may keep it open a little longer.
    created.flush()


def set_kind(file: h5py.File, kind: str) -> None:
    """Say in the root of a file what the file is."""
    header = {"encoding-type": kind, "encoding-version": ENCODING_VERSION}
    set_text_attributes(file, header)


def check_kind(file: h5py.File, kind: str) -> None:
    """Raise `StoreError` for a file that does not say that it is of a kind."""
    found = [text_attribute(file, f"encoding-{each}") for each in ("type", "version")]
    if found != [kind, ENCODING_VERSION]:
        msg = (
            f"is {found[0] or 'something'} of version {found[1] or 'unknown'}, "
            f"expected {kind} of version {ENCODING_VERSION}"
        )
        raise StoreError(msg)
