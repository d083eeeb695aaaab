"""Orders in which squares or channels are taken away, and what they are held against.

Shapes use N positions and S squares or channels in a row.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def places(scores: ArrayLike, among: ArrayLike | None = None) -> NDArray[np.int64]:
    """Return the place of each square in descending order of its score.

    Shapes: `scores` (N, S), `among` (N, S). Returns (N, S): 0 for the highest score; S
    for a square that is not ordered.

    Examples
    --------
    >>> places([[0.5, 2.0, 1.0]], [[True, True, False]]).tolist()
    [[1, 0, 3]]
    """
    array = np.asarray(scores, np.float64)
    counted = np.ones(array.shape, np.bool_) if among is None else np.asarray(among)
    order = np.where(counted, -array, np.inf).argsort(axis=1, kind="stable")
    place = np.empty(order.shape, np.int64)
    np.put_along_axis(place, order, np.arange(array.shape[1])[None], axis=1)
    return np.where(counted, place, array.shape[1])


def shuffled_within(scores: ArrayLike, groups: ArrayLike, *, seed: int = 0) -> Array:
    """Shuffle scores among the squares of one group, row by row.

    An order by shuffled scores takes squares of the same groups in the same order,
    but which square of a group comes first is chance.

    Shapes: `scores` (N, S), `groups` (N, S).
    """
    array, group = np.asarray(scores), np.asarray(groups)
    lots = np.random.default_rng(seed).random(group.shape)
    givers = group.argsort(axis=1, kind="stable")
    takers = (group + lots).argsort(axis=1)
    shuffled = np.empty_like(array)
    given = np.take_along_axis(array, givers, axis=1)
    np.put_along_axis(shuffled, takers, given, axis=1)
    return shuffled


def center_prior(size: int) -> NDArray[np.float64]:
    """Return scores (S,) that fall with the distance from the middle of the board.

    They know nothing of position or network, and yet the discs in the middle are
    those that a network reads most: beating a random order alone proves little.
    """
    far = np.abs(np.arange(size) - (size - 1) / 2)
    distance: NDArray[np.float64] = np.hypot(far[:, None], far[None, :])
    return -distance.ravel()
