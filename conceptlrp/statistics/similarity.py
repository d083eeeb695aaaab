"""How alike two maps are: cosine and rank correlation, map by map.

Shapes use N positions and S squares or channels.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_BLOCK = 256


def cosine(one: ArrayLike, other: ArrayLike) -> Floats:
    """Compute the cosine of maps along the last axis.

    Returns (...): nan where a map is zero.

    Examples
    --------
    >>> cosine([1.0, 0.0], [[1.0, 1.0], [-2.0, 0.0]]).round(3).tolist()
    [0.707, -1.0]
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    product = (left * right).sum(axis=-1)
    size = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    return _ratio(product, size)


def rank_correlation(
    one: ArrayLike, other: ArrayLike, within: ArrayLike | None = None
) -> Floats:
    """Compute Spearman's rho of maps, over some of their squares.

    Shapes: `one, other` (N, S), `within` (N, S). Returns (N,): nan where a map is
    constant on the squares that count.
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    counted = np.ones(left.shape, np.bool_) if within is None else np.asarray(within)
    ranks = [_centered_ranks(m, counted) for m in (left, right)]
    product = (ranks[0] * ranks[1]).sum(axis=1)
    size = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    return _ratio(product, size)


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


def _ratio(top: Floats, bottom: Floats) -> Floats:
    known = bottom > 0
    ratio: Floats = np.where(known, top / np.where(known, bottom, 1), np.nan)
    return ratio
