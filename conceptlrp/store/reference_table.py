"""Reference boards that a store keeps, with their conditional heatmaps.

Shapes use C channels of a layer, k reference boards a channel and n x n squares.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import dataset, opened
from conceptlrp.store.format.arrays import check_kind
from conceptlrp.store.format.schema import REFERENCE_TABLE, REMEDY


@dataclass(frozen=True)
class ReferenceTable:
    """Reference boards of every channel of a layer, with conditional heatmaps.

    Attributes
    ----------
    rows : ndarray of shape (C, k)
        Row of each reference board in the store, -1 where there is none.
    scores : ndarray of shape (C, k)
        Score of each.
    maps : ndarray of shape (C, k, n, n)
        Its conditional heatmap.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    maps: NDArray[np.float32]


def read_reference_table(path: Path, group: str) -> ReferenceTable:
    """Read the reference boards of one layer."""
    try:
        with opened(path, StoreError) as file:
            check_kind(file, REFERENCE_TABLE)
            names = (f"{group}/{part}" for part in ("rows", "scores", "maps"))
            rows, scores, maps = (dataset(file, name)[()] for name in names)
    except StoreError as error:
        msg = f"{error}; {REMEDY}"
        raise StoreError(msg) from error
    return ReferenceTable(rows, scores, maps.astype(np.float32, copy=False))
