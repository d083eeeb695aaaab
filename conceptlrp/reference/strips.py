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

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conceptlrp.reference.boards import ReferenceBoards, describe_boards
from conceptlrp.reference.selection import diverse_rows, quantile_rows, telling
from conceptlrp.store import Ranking, Store, Where, open_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.ranking import CHANNEL_SCORES
from conceptlrp.store.reader import AnyStore

#: Scores by which reference boards can be ranked.
REFERENCE_SCORES = (*CHANNEL_SCORES, "positive", "absolute")


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
    store : Store or path
        Relevance of a corpus.
    layer, channel : str, int
        The channel.
    count : int
        How many boards.
    by : str
        "share", "relevance", "positive" or "absolute" (RelMax), "activation" or
        "peak" (ActMax).
    lowest : bool
        Find the lowest scores, such as the most negative relevance.
    one_per_game : bool
        Take at most one board of a game.
    min_distance : int
        Squares on which any two boards must differ, however they are turned; 1
        leaves out boards that are equal up to symmetry.
    target : int or str
        The explained output.
    where : Where, optional
        Find only positions that meet conditions.

    Returns
    -------
    ReferenceBoards
        Exact, whatever batches and shards the store was computed in; equal scores
        come in the order of their rows. Fewer where no more boards speak for the
        channel: a score of zero, or of the other sign, is no reason to show a board.

    References
    ----------
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    # The store may have these at hand without reading a column.
    store = open_store(store)
    if by in CHANNEL_SCORES and min_distance == 0:
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
        ranking = _diverse(
            store,
            scores,
            count,
            lowest=lowest,
            one_per_game=one_per_game,
            min_distance=min_distance,
            rows=None if where is None else np.flatnonzero(store.columns.mask(where)),
        )
    ranking = telling(ranking, by=by, lowest=lowest)
    heatmaps = _kept_heatmaps(store, layer, channel, ranking, (by, lowest), target)
    strip = "bottom" if lowest else "top"
    return _boards(store, (layer, channel, by, strip), ranking, target, heatmaps)


def quantile_boards(
    store: Store,
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
    store : Store or path
        Relevance of a corpus.
    layer, channel : str, int
        The channel.
    count : int
        How many boards; they stand at the quantiles 1, ..., 0.
    by : str
        One of `REFERENCE_SCORES`.
    target : int or str
        The explained output.

    Returns
    -------
    ReferenceBoards
        Exact; see `quantile_rows`.
    """
    scores = reference_scores(store, layer, channel, by=by, target=target)
    ranking = quantile_rows(scores, np.linspace(1, 0, count))
    return _boards(store, (layer, channel, by, "quantiles"), ranking, target, None)


def random_boards(
    store: Store,
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
    store : Store or path
        Relevance of a corpus.
    layer, channel : str, int
        The channel, whose scores come with the boards.
    count : int
        How many boards.
    by : str
        One of `REFERENCE_SCORES`.
    target : int or str
        The explained output.
    seed : int
        The same seed draws the same positions for every channel.

    Returns
    -------
    ReferenceBoards
        At most one of a game, in the order in which they were drawn.
    """
    scores = reference_scores(store, layer, channel, by=by, target=target)
    drawn = np.random.default_rng(seed).random(len(scores))
    rows = diverse_rows(drawn, count, games=store.positions.game).rows
    ranking = Ranking(rows, scores[rows])
    return _boards(store, (layer, channel, by, "random"), ranking, target, None)


def reference_scores(
    store: Store, layer: str, channel: int, *, by: str, target: int | str = 0
) -> NDArray[np.float32]:
    """Return one channel's score at every position, (N,)."""
    if by not in REFERENCE_SCORES:
        known = ", ".join(REFERENCE_SCORES)
        msg = f"unknown score '{by}', expected one of {known}"
        raise ValueError(msg)
    if by in CHANNEL_SCORES:
        return store.scores(layer, channel, by=by, target=target)
    relevance = store.scores(layer, channel, by="relevance", target=target)
    return np.maximum(relevance, 0) if by == "positive" else np.abs(relevance)


def _diverse(
    store: Store,
    scores: NDArray[np.floating],
    count: int,
    *,
    lowest: bool = False,
    one_per_game: bool,
    min_distance: int,
    rows: NDArray[np.int64] | None = None,
) -> Ranking:
    """Take the best of some rows of a store, by default of all."""
    corpus = store.positions
    chosen = np.arange(len(scores)) if rows is None else rows
    ranking = diverse_rows(
        scores[chosen],
        count,
        lowest=lowest,
        games=corpus.game[chosen] if one_per_game else None,
        boards=(corpus.own[chosen], corpus.opponent[chosen]),
        min_distance=min_distance,
    )
    return replace(ranking, rows=chosen[ranking.rows])


def _boards(
    store: Store,
    what: tuple[str, int, str, str],
    ranking: Ranking,
    target: int | str,
    heatmaps: NDArray[np.float32] | None,
) -> ReferenceBoards:
    name = store.targets[store.target_index(target)]
    return ReferenceBoards(*what, name, describe_boards(store, ranking), heatmaps)


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
