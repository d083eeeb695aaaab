"""Phases of the game, by the discs on the board.

Shapes use N positions.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import count

#: Thirds of the game, by the discs that have been added to the first four.
PHASES: Final = ("opening", "midgame", "endgame")


def board_phases(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64], *, size: int = 8
) -> NDArray[np.int64]:
    """Return the phase of each board.

    Shapes: `own, opponent` (N,). Returns (N,): indices into `PHASES`.

    Examples
    --------
    >>> board_phases(np.array([3, 2**24 - 1], np.uint64), np.array([12, 0], np.uint64))
    array([0, 1])
    """
    discs: NDArray[Any] = count(own | opponent).astype(np.int64)
    last = len(PHASES) - 1
    phases: NDArray[np.int64] = np.clip(
        (discs - 4) * len(PHASES) // (size**2 - 4), 0, last
    )
    return phases
