"""What labelling finds where there is nothing to find: the same-ply exchange.

Whole positions of the trained network's tables change places with others of the same
ply. Everything about the channels stays but what they have to do with the positions,
so that labels of such tables are labels of the ply. Shapes use N positions, M of them
with maps, C channels and n x n squares.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.statistics.estimates import exchanged_within


def exchange_positions(
    table: NDArray[Any], plies: NDArray[np.intp], *, seed: int
) -> NDArray[Any]:
    """Exchange rows of values (N, C), or of maps (N, C, n, n), within plies (N,).

    Maps are also turned, each by a random symmetry: where they are large on most
    boards, as an opening may have it, would stay otherwise.
    """
    rows = exchanged_within(plies, seed=seed)
    if table.ndim == 2:
        return np.asarray(table[rows])
    turns = np.random.default_rng(seed + 1).integers(0, SYMMETRIES, len(table))
    return turn_maps(table[rows], turns)
