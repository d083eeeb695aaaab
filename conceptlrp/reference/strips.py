"""The boards of a channel: best, worst, spread over quantiles, and at random.

Shapes use N positions, C channels and n x n squares. With ``r[n, c]`` the relevance
of channel c at position n, summed over the squares, boards are ranked by:

========== ================================================================
share      ``r[n, c] / (sum_k |r[n, k]| + 1e-10)``, zennit-crp's RelMax
relevance  ``r[n, c]``
positive   ``max(r[n, c], 0)``
absolute   ``|r[n, c]|``
activation sum of the feature map (ActMax)
peak       largest activation in the feature map (ActMax by maximum)
========== ================================================================
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import check_known, check_least
from conceptlrp.othello.symmetry import turn
from conceptlrp.reference.boards import ReferenceBoards, describe_boards
from conceptlrp.store import Ranking, Store, Where, open_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.ranking import (
    CHANNEL_SCORES,
    nothing_words,
    tells,
    told,
    top_rows,
)
from conceptlrp.store.reader import AnyStore

#: Scores by which reference boards can be ranked.
REFERENCE_SCORES = (*CHANNEL_SCORES, "positive", "absolute")

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

    >>> diverse_rows(np.array([1.0, 3.0, 2.0]), 2, games=np.array([0, 1, 1])).rows
    array([1, 0])
    """
    check_least("count", count, 0)
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


def quantile_rows(scores: NDArray[np.floating], quantiles: ArrayLike) -> Ranking:
    """Take the positions that stand at quantiles of the score.

    With positions in the order of their score, lowest first and equal ones by row,
    quantile q is the one at place ``q (N - 1)``, rounded to the nearest, the even
    one where two are as near.

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


def even_quantiles(scores: NDArray[np.floating], count: int, *, by: str) -> Ranking:
    """Go from the highest score to the lowest in even steps of rank, passing over 0."""
    rows = np.flatnonzero(scores)
    found = quantile_rows(scores[rows], np.linspace(1, 0, min(count, len(rows))))
    empty = nothing_words(by, lowest=None, among=len(scores))
    return replace(found, rows=rows[found.rows], note="" if len(rows) else empty)


def board_distances(
    one: tuple[int, int], boards: tuple[Bitboards, Bitboards]
) -> NDArray[np.int64]:
    """Count the squares on which boards differ from one in its best turning, (N,)."""
    own, opponent = (turn(np.uint64(side), _SYMMETRIES) for side in one)
    differing = (own ^ boards[0]) | (opponent ^ boards[1])
    return np.asarray(np.bitwise_count(differing).min(axis=0), np.int64)


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


def reference_boards(
    store: AnyStore,
    layer: str,
    channel: int,
    count: int = 8,
    *,
    by: str = "share",
    lowest: bool = False,
    one_per_game: bool = True,
    min_distance: int = 0,
    target: int | str = 0,
    where: Where | None = None,
) -> ReferenceBoards:
    """Find the positions on which a channel matters most (RelMax, ActMax).

    Parameters
    ----------
    store, layer, channel, count
        Relevance of a corpus or its path, the channel, and how many boards.
    by, lowest : str, bool
        "share", "relevance", "positive" or "absolute" (RelMax), "activation" or "peak"
        (ActMax); and whether to find the lowest, such as the most negative relevance.
    one_per_game, min_distance : bool, int
        Take at most one board of a game; and the squares on which any two must differ,
        however they are turned: 1 leaves out boards that are equal up to symmetry.
    target, where : int or str, Where
        The explained output, and conditions that positions must meet.

    Returns
    -------
    ReferenceBoards
        Exact, whatever batches and shards the store was computed in; equal scores
        come in the order of their rows. Fewer where no more boards speak for the
        channel: a score of zero, or of the other sign, is no reason to show a board.
        Where the end that is asked for has none, those of the other, as ``strip`` and
        ``note`` say; so does ``note`` where more positions tie with the last.

    References
    ----------
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    store = open_store(store)
    if by in CHANNEL_SCORES and min_distance == 0:
        # The store may have these at hand without reading a column.
        ranking = store.top(
            layer,
            channel,
            count,
            by=by,
            lowest=lowest,
            one_per_game=one_per_game,
            target=target,
            where=where,
        )
    else:
        scores = reference_scores(store, layer, channel, by=by, target=target)
        corpus, rows = store.positions, np.arange(len(scores))
        if where is not None:
            rows = np.flatnonzero(store.columns.mask(where))

        def ranked(*, lowest: bool) -> Ranking:
            telling = rows[tells(scores[rows], by=by, lowest=lowest)]
            found = diverse_rows(
                scores[telling],
                count + 1,
                lowest=lowest,
                games=corpus.game[telling] if one_per_game else None,
                boards=(corpus.own[telling], corpus.opponent[telling]),
                min_distance=min_distance,
            )
            return replace(found, rows=telling[found.rows])

        ranking = told(ranked, by=by, lowest=lowest, count=count, among=len(rows))
    order = by, ranking.lowest
    heatmaps = _kept_heatmaps(store, layer, channel, ranking, order, target)
    strip = "bottom" if ranking.lowest else "top"
    return _boards(store, (layer, channel, by, strip), ranking, target, heatmaps)


def quantile_boards(
    store: AnyStore,
    layer: str,
    channel: int,
    count: int = 8,
    *,
    by: str = "share",
    target: int | str = 0,
) -> ReferenceBoards:
    """Find positions from the highest to the lowest score in even steps of rank.

    Parameters
    ----------
    store, layer, channel, count, by, target
        As for `reference_boards`; the boards stand at the quantiles 1, ..., 0.

    Returns
    -------
    ReferenceBoards
        Exact; see `quantile_rows`. Positions of score 0 have no part in it.
    """
    store = open_store(store)
    scores = reference_scores(store, layer, channel, by=by, target=target)
    ranking = even_quantiles(scores, count, by=by)
    return _boards(store, (layer, channel, by, "quantiles"), ranking, target, None)


def random_boards(
    store: AnyStore,
    layer: str,
    channel: int,
    count: int = 8,
    *,
    by: str = "share",
    target: int | str = 0,
    seed: int = 0,
) -> ReferenceBoards:
    """Draw positions at random, to compare reference boards with.

    Parameters
    ----------
    store, layer, channel, count, by, target
        As for `reference_boards`; scores of the channel come with the boards.
    seed : int
        The same seed draws the same positions for every channel.

    Returns
    -------
    ReferenceBoards
        At most one of a game, in the order in which they were drawn, whatever their
        score.
    """
    store = open_store(store)
    scores = reference_scores(store, layer, channel, by=by, target=target)
    drawn = np.random.default_rng(seed).random(len(scores))
    rows = diverse_rows(drawn, count, games=store.positions.game).rows
    ranking = Ranking(rows, scores[rows])
    return _boards(store, (layer, channel, by, "random"), ranking, target, None)


def reference_scores(
    store: Store, layer: str, channel: int, *, by: str, target: int | str = 0
) -> NDArray[np.float32]:
    """Return one channel's score at every position, (N,)."""
    check_known("score", by, REFERENCE_SCORES)
    if by in CHANNEL_SCORES:
        return store.scores(layer, channel, by=by, target=target)
    relevance = store.scores(layer, channel, by="relevance", target=target)
    return np.maximum(relevance, 0) if by == "positive" else np.abs(relevance)


def _boards(
    store: Store,
    what: tuple[str, int, str, str],
    ranking: Ranking,
    target: int | str,
    heatmaps: NDArray[np.float32] | None,
) -> ReferenceBoards:
    name = store.targets[store.target_index(target)]
    boards = describe_boards(store, ranking)
    return ReferenceBoards(*what, name, boards, heatmaps, ranking.note)


def _kept_heatmaps(
    store: Store,
    layer: str,
    channel: int,
    ranking: Ranking,
    order: tuple[str, bool],
    target: int | str,
) -> NDArray[np.float32] | None:
    """Return the maps of a ranking that the store keeps, None if one is missing."""
    kinds = [name for name, kept in REFERENCE_KINDS.items() if kept == order]
    table = store.references(layer, kinds[0], target=target) if kinds else None
    if table is None:
        return None
    places = {int(row): place for place, row in enumerate(table.rows[channel])}
    if any(int(row) not in places for row in ranking.rows):
        return None
    kept = [places[int(row)] for row in ranking.rows]
    heatmaps: NDArray[np.float32] = table.maps[channel][kept]
    return heatmaps
