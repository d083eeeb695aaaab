"""What the files of a run hold, read without the reader of stores."""

from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  the filter of the chunks
import numpy as np

Arrays = dict[str, np.ndarray]


def read_arrays(path: Path) -> Arrays:
    """Return every dataset of a file by its name."""
    arrays: Arrays = {}

    def keep(name: str, found: object) -> None:
        if isinstance(found, h5py.Dataset):
            arrays[name] = found[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return arrays
