"""Positions whose channels have relevance like a given one's.

Shapes use N positions, B of them in a block, and C channels.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store.tops import Scores

#: Ways to compare two vectors of relevance.
METRICS = ("cosine", "l2")
# Rows whose numbers stay in a processor's cache.
_BLOCK = 512

Numbers = NDArray[np.float64]


def likeness(
    blocks: Iterator[tuple[int, Scores]], vector: Numbers, metric: str
) -> Iterator[Numbers]:
    """Compare every row of some blocks with a vector.

    Shapes: `blocks` (B, C), `vector` (C,). Yields (B,): cosine of the angle, 0 where a
    vector is all zero; or the distance. A row gives the same number whatever block it
    is in.
    """
    compare = _cosine if metric == "cosine" else _distance
    for _, block in blocks:
        for start in range(0, len(block), _BLOCK):
            rows = block[start : start + _BLOCK].astype(np.float64)
            yield compare(rows, vector)


def _cosine(rows: Numbers, vector: Numbers) -> Numbers:
    # A matrix product would round differently in blocks of different size.
    lengths = np.sqrt((rows**2).sum(1)) * np.sqrt((vector**2).sum())
    products = (rows * vector).sum(1)
    found: Numbers = np.divide(
        products, lengths, out=np.zeros(len(rows)), where=lengths > 0
    )
    return found


def _distance(rows: Numbers, vector: Numbers) -> Numbers:
    found: Numbers = np.sqrt(((rows - vector) ** 2).sum(1))
    return found
