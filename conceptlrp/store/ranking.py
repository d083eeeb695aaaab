"""Ranking of positions by a score: exact, with ties broken by position.

Shapes use N positions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Scores by which the positions of a channel can be ranked.
CHANNEL_SCORES = ("share", "relevance", "activation", "peak")


@dataclass(frozen=True)
class Ranking:
    """Positions of a store, best first.

    Attributes
    ----------
    rows : ndarray of shape (k,)
        Row of each position in the store.
    scores : ndarray of shape (k,)
        Score of each.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice) -> "Ranking":
        return Ranking(self.rows[places], self.scores[places])


def top_rows(
    scores: NDArray[np.floating],
    k: int,
    *,
    lowest: bool = False,
    groups: NDArray[np.integer] | None = None,
) -> Ranking:
    """Return the k highest scores, or the k lowest.

    Only as many positions are sorted as are needed, yet the result is that of
    sorting them all: equal scores come in the order of their rows.

    Shapes: `scores` (N,), `groups` (N,). Returns: at most k rows with their scores.

    Examples
    --------
    >>> top_rows(np.array([1.0, 3.0, 3.0, 2.0]), 2).rows.tolist()
    [1, 2]
    >>> top_rows(np.array([1.0, 3.0, 3.0]), 2, groups=np.array([0, 1, 1])).rows.tolist()
    [1, 0]
    """
    check_count(k)
    keys = scores if lowest else -scores
    n_sorted = min(len(keys), max(4 * k, 64))
    while True:
        rows = _smallest(keys, n_sorted)
        chosen = rows if groups is None else _first_of_group(rows, groups)
        if len(chosen) >= k or n_sorted >= len(keys):
            chosen = chosen[:k]
            return Ranking(chosen, scores[chosen].astype(np.float32))
        n_sorted = min(len(keys), 8 * n_sorted)


def check_count(k: int) -> None:
    """Raise `ValueError` for a negative number of positions."""
    if k < 0:
        msg = f"the best {k} positions are asked for, expected 0 or more"
        raise ValueError(msg)


def _smallest(keys: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Return the rows of the n smallest keys and of all ties of the last."""
    if n >= len(keys):
        every: NDArray[np.int64] = np.argsort(keys, kind="stable")
        return every
    limit = np.partition(keys, n - 1)[n - 1]
    rows = np.flatnonzero(keys <= limit)
    return rows[np.argsort(keys[rows], kind="stable")]


def _first_of_group(
    rows: NDArray[np.int64], groups: NDArray[np.integer]
) -> NDArray[np.int64]:
    _, first = np.unique(groups[rows], return_index=True)
    chosen: NDArray[np.int64] = rows[np.sort(first)]
    return chosen
