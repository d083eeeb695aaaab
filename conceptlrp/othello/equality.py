"""Finding equal positions among millions."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# The golden ratio's fraction: multiplying by it spreads a word over all 64 bits.
_MIXER: Final = np.uint64(0x9E3779B97F4A7C15)


def first_of_equal(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64]
) -> NDArray[np.intp]:
    """Return the rows whose pair of values stands in no row before.

    Shapes: `own, opponent` (N,). Returns (U,): the rows in ascending order, one for
    each different pair.
    """
    # Sorting by one mixed word takes a third of the time that two words take. The
    # sort is stable, so the first of equal rows stays first.
    order = np.argsort(_mixed(own, opponent), kind="stable")
    mine, theirs = own[order], opponent[order]
    new = _differs_from_previous(mine, theirs)
    if (new & ~_differs_from_previous(_mixed(mine, theirs))).any():
        # Two different pairs were mixed into the same word.
        order = np.lexsort((opponent, own))
        new = _differs_from_previous(own[order], opponent[order])
    return np.sort(order[new])


def _mixed(own: NDArray[np.uint64], opponent: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return own * _MIXER ^ opponent


def _differs_from_previous(*columns: NDArray[np.uint64]) -> NDArray[np.bool_]:
    new = np.zeros(len(columns[0]), np.bool_)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new
