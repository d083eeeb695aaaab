"""Reference boards that a store keeps, with their conditional heatmaps.

Shapes use C channels of a layer, k reference boards a channel and n x n squares.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store.shards import opened


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
    """Read the reference boards of one layer.

    Parameters
    ----------
    path : Path
        File of the reference boards.
    group : str
        ``<target>/<kind>/<layer>`` in it.

    Raises
    ------
    StoreError
        When the file is damaged.
    """
    with opened(path) as file:
        parts = (file[f"{group}/{part}"][()] for part in ("rows", "scores", "maps"))
        return ReferenceTable(*parts)
