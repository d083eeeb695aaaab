"""How alike two maps are: cosine and rank correlation, map by map.

Shapes use N positions and S squares or channels.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.estimates import Floats, ratio

_BLOCK = 256


def cosine(one: ArrayLike, other: ArrayLike) -> Floats:
    """Return the cosine of maps along the last axis, nan where a map is zero.

    Examples
    --------
    >>> cosine([1.0, 0.0], [[1.0, 1.0], [-2.0, 0.0]]).round(3).tolist()
    [0.707, -1.0]
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    product = (left * right).sum(axis=-1)
    size = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    return ratio(product, size)


def rank_correlation(
    one: ArrayLike, other: ArrayLike, within: ArrayLike | None = None
) -> Floats:
    """Return Spearman's rho (N,) of maps (N, S) over the squares that are `within`.

    It is nan where a map is constant on them.
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    counted = np.ones(left.shape, np.bool_) if within is None else np.asarray(within)
    ranks = [_centered_ranks(m, counted) for m in (left, right)]
    product = (ranks[0] * ranks[1]).sum(axis=1)
    size = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    return ratio(product, size)


def _centered_ranks(maps: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return ranks around 0 on the squares that count and 0 elsewhere."""
    ranks = np.empty_like(maps)
    for first in range(0, len(maps), _BLOCK):
        rows = slice(first, first + _BLOCK)
        part, among = maps[rows], counted[rows, None, :]
        less = ((part[:, None, :] < part[:, :, None]) & among).sum(axis=2)
        more = ((part[:, None, :] > part[:, :, None]) & among).sum(axis=2)
        # Equal values share their mean rank: fewer above, more below, and halved.
        ranks[rows] = (less - more) / 2
    return np.where(counted, ranks, 0.0)
