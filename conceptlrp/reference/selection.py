"""Choose positions by a score: the best, spread over quantiles, or at random.

Shapes use N positions and k chosen ones. Whatever is chosen is exact: it depends
on the scores and on nothing else, and equal scores come in the order of their rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello.symmetry import turn
from conceptlrp.store import Ranking
from conceptlrp.store.ranking import top_rows

Bitboards = NDArray[np.uint64]
Index = NDArray[np.int64]

_BLOCK = 8192
_SYMMETRIES = np.arange(8)[:, None]


def diverse_rows(
    scores: NDArray[np.floating],
    count: int,
    *,
    lowest: bool = False,
    games: NDArray[np.integer] | None = None,
    boards: tuple[Bitboards, Bitboards] | None = None,
    min_distance: int = 0,
) -> Ranking:
    """Take the best positions that differ from one another.

    Positions are gone through in the order of their score. One is taken unless a
    position taken before is of the same game, or stands on a board from which it
    differs, however turned, on fewer than `min_distance` squares.

    Only as many positions are sorted and compared as it takes to find them.

    Examples
    --------
    >>> diverse_rows(np.array([1.0, 3.0, 2.0]), 2, games=np.array([0, 1, 1])).rows
    array([1, 0])
    """
    if count < 0:
        msg = f"the best {count} positions are asked for, expected 0 or more"
        raise ValueError(msg)
    if min_distance < 0 or (min_distance and boards is None):
        msg = f"min_distance is {min_distance}, expected 0 or more, and boards for it"
        raise ValueError(msg)
    rivals = _Rivals(games, boards if min_distance else None, min_distance)
    chosen: list[int] = []
    looked_at = 0
    while len(chosen) < count and looked_at < len(scores):
        wanted = min(len(scores), max(64, 4 * count, 8 * looked_at))
        rows = top_rows(scores, wanted, lowest=lowest).rows[looked_at:]
        for first in range(0, len(rows), _BLOCK):
            _take(rows[first : first + _BLOCK], chosen, count, rivals)
        looked_at = wanted
    taken = np.array(chosen, dtype=np.int64)
    return Ranking(taken, scores[taken].astype(np.float32))


def telling(ranking: Ranking, *, by: str, lowest: bool = False) -> Ranking:
    """Keep the rows whose score speaks for a channel at the end that is asked for.

    Everything that shows boards of a channel asks here, so that no view shows a board
    of the wrong sign as one that the channel is about.
    """
    is_telling = ranking.rows >= 0
    if not lowest:
        is_telling &= ranking.scores > 0
    elif by in ("share", "relevance"):
        is_telling &= ranking.scores < 0
    # Rankings are in order, so those that speak come first.
    return ranking[: int(is_telling.sum())]


def quantile_rows(scores: NDArray[np.floating], quantiles: ArrayLike) -> Ranking:
    """Take the positions that stand at quantiles of the score.

    With positions in the order of their score, lowest first and equal ones by row,
    quantile q is the one at place ``q (N - 1)``, rounded to the nearest, the even
    one where two are as near.

    Examples
    --------
    >>> quantile_rows(np.array([5.0, 1.0, 3.0]), [0.0, 0.5, 1.0]).rows
    array([1, 2, 0])
    """
    asked = np.asarray(quantiles, dtype=np.float64)
    if asked.size and not (asked.min() >= 0 and asked.max() <= 1):
        msg = f"quantiles run from {asked.min()} to {asked.max()}, expected 0 to 1"
        raise ValueError(msg)
    if len(scores) == 0:
        return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    # Sorting numbers takes a tenth of the time of sorting rows by them.
    ordered = np.sort(scores)
    places = np.rint(asked * (len(scores) - 1)).astype(np.int64)
    before = np.searchsorted(ordered, ordered[places])
    rows = np.array(
        [
            np.flatnonzero(scores == ordered[place])[place - first]
            for place, first in zip(places, before, strict=True)
        ],
        dtype=np.int64,
    )
    return Ranking(rows, scores[rows].astype(np.float32))


def board_distances(
    one: tuple[int, int], boards: tuple[Bitboards, Bitboards]
) -> NDArray[np.int64]:
    """Count the squares on which boards differ from one in its best turning, (N,)."""
    own, opponent = (turn(np.uint64(side), _SYMMETRIES) for side in one)
    differing = (own ^ boards[0]) | (opponent ^ boards[1])
    counts: NDArray[np.int64] = np.bitwise_count(differing).astype(np.int64)
    fewest: NDArray[np.int64] = counts.min(axis=0)
    return fewest


@dataclass(frozen=True)
class _Rivals:
    """What makes two positions too alike to be taken both."""

    games: NDArray[np.integer] | None
    boards: tuple[Bitboards, Bitboards] | None
    min_distance: int

    def of(self, row: int, rows: Index) -> NDArray[np.bool_]:
        """Return which rows a taken row rules out."""
        alike: NDArray[np.bool_] = rows == row
        if self.games is not None:
            alike |= self.games[rows] == self.games[row]
        if self.boards is not None:
            own, opponent = self.boards
            one = (int(own[row]), int(opponent[row]))
            found = board_distances(one, (own[rows], opponent[rows]))
            alike |= found < self.min_distance
        return alike


def _take(rows: Index, chosen: list[int], count: int, rivals: _Rivals) -> None:
    """Append rows, which come in order, to the chosen ones until there are enough."""
    free = np.ones(len(rows), dtype=np.bool_)
    for row in chosen:
        free &= ~rivals.of(row, rows)
    while len(chosen) < count and free.any():
        chosen.append(int(rows[free.argmax()]))
        free &= ~rivals.of(chosen[-1], rows)
