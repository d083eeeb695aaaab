"""Moves that the boards of most relevance show, however few these are.

A channel that is used for h7 on few boards hardly tells h7 on all of them, where its
relevance is about 0 and in any order; yet the boards that a reader is shown are all of
h7. So the effect is turned round: of a channel's strongest boards, the part that has
the label, less that of other boards of their plies. In networks with random weights
the strongest boards are of many moves. Shapes use N positions, n rows, C channels and K
labels.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.statistics.ranks import Floats, LabelMatrix, centered_ranks

# How many boards are the strongest: this part, at least so many, at most that part.
_PART: Final = 0.01
_FEWEST: Final = 100
_MOST: Final = 0.05


def strongest_boards(table: NDArray[Any]) -> NDArray[np.float32]:
    """Return which positions are each channel's strongest, (N, C) of 0 and 1.

    Equal values share their rank, so that nothing is no strong board. A channel with
    less than half as many has none: of three boards all are of some move.
    """
    n = len(table)
    number = min(max(_PART * n, _FEWEST), _MOST * n)
    ranks = centered_ranks(table, np.zeros(n, np.intp))
    # The largest of n ranks about a mean of 0 is (n - 1) / 2.
    strong = ranks > n / 2 - number
    strong &= strong.sum(axis=0) >= number / 2
    return strong.astype(np.float32)


def turning_round(ranks: NDArray[np.float32], matrix: LabelMatrix) -> Floats:
    """Return what turns effects (C, K) of flags on flags round; nan for numbers.

    ``P(a | b) - P(a | not b)`` becomes ``P(b | a) - P(b | not a)``: pairs of rows are
    the same, and only their number differs.
    """
    inverse = (1 / np.bincount(matrix.strata))[matrix.strata]
    # With t of n rows in a stratum, centred ranks of flags are (n - t) / 2 and -t / 2.
    pairs = 4 * np.einsum("nc,nc,n->c", ranks, ranks, inverse, dtype=np.float64)
    labelled = np.where(matrix.numeric, np.nan, matrix.bottom)
    return np.asarray(labelled / np.where(pairs > 0, pairs, np.nan)[:, None])
