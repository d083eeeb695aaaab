"""Rankings of positions and channels, exact, with ties broken by position.

Shapes use N positions, C channels and k rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import check_least
from conceptlrp.store.shards import Shards

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
    lowest : bool
        Whether the lowest scores come first.
    note : str
        Why these are not the rows that were asked for, none, or no better than others;
        "" if they are.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    lowest: bool = False
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice | NDArray[np.bool_]) -> "Ranking":
        return replace(self, rows=self.rows[places], scores=self.scores[places])


def tells(scores: NDArray[np.floating], *, by: str, lowest: bool) -> NDArray[np.bool_]:
    """Tell which scores speak for a channel at one end, which 0 never does.

    The lowest share or relevance is below 0; other scores need no sign to be low.
    """
    if not lowest:
        return scores > 0
    return scores < 0 if by in ("share", "relevance") else scores != 0


def told(
    ranked: Callable[..., Ranking], *, by: str, lowest: bool, count: int, among: int
) -> Ranking:
    """Rank one end of `among` positions or, if it has no rows, the other, and say so.

    ``ranked(lowest=...)`` gives those rows of an end whose scores `tells` keeps, in
    order, and one more than `count`. Everything that shows boards of a channel asks
    here, so that no view shows a board of the wrong sign, or one of score 0, as one
    that the channel is about.
    """
    found = until(ranked(lowest=lowest), count)
    if len(found) or not count:
        return replace(found, lowest=lowest)
    other = until(ranked(lowest=not lowest), count)
    if not len(other):
        note = nothing_words(by, lowest=None, among=among)
        return replace(found, lowest=lowest, note=note)
    why = nothing_words(by, lowest=lowest, among=among)
    shown = f"the {'highest' if lowest else 'lowest'} are shown"
    note = "; ".join(filter(None, (why, shown, other.note)))
    return replace(other, lowest=not lowest, note=note)


def until(found: Ranking, count: int) -> Ranking:
    """Keep `count` rows, and say that the last ties with one that is left out."""
    kept = found[:count]
    if not len(kept) or len(found) == len(kept):
        return kept
    last, left_out = found.scores[count - 1 : count + 1].tolist()
    if left_out != last:
        return kept
    tied = f"{last:.3g}".replace("-", "\N{MINUS SIGN}")
    note = f"more positions tie at {tied}, and the first in the store are shown"
    return replace(kept, note=note)


_WORDS = {
    "positive": "positive relevance",
    "absolute": "relevance",
    "peak": "largest activation",
}


def nothing_words(by: str, *, lowest: bool | None, among: int) -> str:
    """Say why no row of `among` tells of a channel at one end, or (None) at either."""
    if not among:
        return "no position meets the conditions"
    if lowest is None:
        where = "the only position" if among == 1 else f"all {among:,} positions"
        return f"the channel's {_WORDS.get(by, by)} is 0 at {where}"
    what = f"the channel's {_WORDS.get(by, by)} is {'below' if lowest else 'above'} 0"
    if by in ("share", "relevance"):
        what = f"the channel speaks {'against' if lowest else 'for'} the output"
    where = f"none of {among:,} positions" if among > 1 else "no position"
    return f"{what} at {where}"


def top_rows(
    scores: NDArray[np.floating],
    k: int,
    *,
    lowest: bool = False,
    groups: NDArray[np.integer] | None = None,
) -> Ranking:
    """Return the k highest scores (N,), or the k lowest, with their rows.

    Only as many positions are sorted as are needed, yet the result is that of sorting
    them all: equal scores come in the order of their rows.

    >>> top_rows(np.array([1.0, 3.0, 3.0, 2.0]), 2).rows.tolist()
    [1, 2]
    >>> top_rows(np.array([1.0, 3.0, 3.0]), 2, groups=np.array([0, 1, 1])).rows.tolist()
    [1, 0]
    """
    check_least("count", k, 0)
    keys = scores if lowest else -scores
    n_sorted = min(len(keys), max(4 * k, 64))
    while True:
        rows = _smallest(keys, n_sorted)
        chosen = rows
        if groups is not None:
            chosen = rows[np.sort(np.unique(groups[rows], return_index=True)[1])]
        if len(chosen) >= k or n_sorted >= len(keys):
            chosen = chosen[:k]
            return Ranking(chosen, scores[chosen].astype(np.float32))
        n_sorted = min(len(keys), 8 * n_sorted)


def _smallest(keys: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Return the rows of the n smallest keys and of all ties of the last."""
    if n >= len(keys):
        every: NDArray[np.int64] = np.argsort(keys, kind="stable")
        return every
    limit = np.partition(keys, n - 1)[n - 1]
    rows = np.flatnonzero(keys <= limit)
    return rows[np.argsort(keys[rows], kind="stable")]


Keys = NDArray[np.uint64]
Scores = NDArray[np.float32]
_ROW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint32(1 << 31)
# Scores of a block at most, and rows at least.
_BLOCK, _FEWEST = 1 << 21, 4096


@dataclass(frozen=True)
class ChannelRanking:
    """The best rows of every channel of a layer, best first.

    Attributes
    ----------
    rows : ndarray of shape (C, k)
        Rows of the store, -1 where there are fewer than k.
    scores : ndarray of shape (C, k)
        Score of each, 0 where there is none.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class RunningTop:
    """The k best rows of every channel, so far; `games` are (N,).

    With `by`, only of the scores that `tells` keeps.
    """

    def __init__(
        self,
        n_channels: int,
        k: int,
        *,
        lowest: bool = False,
        games: NDArray[np.integer[Any]] | None = None,
        by: str | None = None,
    ) -> None:
        self.k, self.lowest, self.games, self.by = k, lowest, games, by
        # Best first; 0 is the key of no row.
        self._keys = np.zeros((k, n_channels), np.uint64)
        self._limit = np.full(n_channels, -np.inf, np.float32)

    def add(self, first: int, scores: Scores) -> None:
        """Take in a block of scores (B, C); blocks come in the order of their rows."""
        signed = -scores if self.lowest else scores
        if self.by is not None:
            tell = tells(scores, by=self.by, lowest=self.lowest)
            signed = np.where(tell, signed, np.float32(-np.inf))
        # An equal score comes later, so it is no better.
        better = signed > self._limit
        if self.games is None and better.sum() > 4 * self.k * len(self._limit) > 0:
            # No more than a block's own best can be among the best of all.
            better &= signed >= np.partition(signed, -self.k, axis=0)[-self.k]
        columns = np.flatnonzero(better.any(0))
        if not len(columns) or not self.k:
            return
        if self.games is None:
            keys = _columns_of(better[:, columns], signed[:, columns], first)
        else:
            rows = np.flatnonzero(better[:, columns].any(1))
            keys = _keys(signed[rows[:, None], columns], (first + rows)[:, None])
            keys = _best_of_game(keys, self.games[first + rows])
        if len(keys) > self.k:
            keys = np.partition(keys, len(keys) - self.k, axis=0)[-self.k :]
        former = self._keys[:, columns]
        if self.games is not None:
            _drop_repeated(former, keys, self.games)
        merged = np.sort(np.concatenate([former, keys]), axis=0)[::-1][: self.k]
        self._keys[:, columns] = merged
        last = merged[-1]
        self._limit[columns] = np.where(last > 0, _scores(last), -np.inf)

    def result(self) -> ChannelRanking:
        """Return the best rows of all blocks so far."""
        keys = self._keys.T
        found = _scores(keys)
        signed = np.negative(found) if self.lowest else found
        known = (keys > 0) & (found > -np.inf)
        return ChannelRanking(
            rows=np.where(known, _rows(keys), -1),
            # Adding 0 makes 0 of -0.
            scores=np.where(known, signed + np.float32(0), np.float32(0)),
        )


def score_blocks(
    shards: Shards, layer: str, by: str, target: int, *, gather: bool = True
) -> Iterator[tuple[int, Scores]]:
    """Read one score of all channels: first row and (B, C) of shards, maybe gathered.

    The more rows are known, the fewer of a block are better than those.
    """
    quantity = "relevance" if by in ("share", "relevance") else by
    index = (target,) if quantity == "relevance" else ()
    blocks = shards.blocks(f"layers/{layer}/{quantity}", index)
    norms = shards.blocks(f"layers/{layer}/norm", (target,)) if by == "share" else None
    waiting: list[Scores] = []
    begin = n_waiting = 0
    for _, whole in blocks:
        norm = next(norms)[1] if norms is not None else None
        block = whole.astype(np.float32, copy=False)
        waiting.append(block if norm is None else share_of(block, norm))
        n_waiting += len(block)
        enough = min(max(begin // 8, _FEWEST), _BLOCK // block.shape[1])
        if n_waiting >= enough or not gather:
            yield begin, np.concatenate(waiting)
            begin += n_waiting
            waiting, n_waiting = [], 0
    if waiting:
        yield begin, np.concatenate(waiting)


def share_of(relevance: Scores, norm: Scores) -> Scores:
    """Return relevance as a share of the layer's: over its magnitude plus 1e-10."""
    share: Scores = np.divide(relevance, norm[:, None] + 1e-10, dtype=np.float32)
    return share


def _keys(signed: Scores, rows: NDArray[np.int64]) -> Keys:
    """Pack scores and rows so that a better one is a larger number."""
    bits = (signed + np.float32(0)).view(np.uint32)
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN).astype(np.uint64)
    return (ordered << np.uint64(32)) | (_ROW - rows.astype(np.uint64))


def _columns_of(better: NDArray[np.bool_], signed: Scores, first: int) -> Keys:
    """Pack what is better of scores (B, C), (m, C) with 0 below what there is."""
    columns, rows = np.nonzero(better.T)
    counts = np.bincount(columns, minlength=better.shape[1])
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = np.zeros((counts.max(), len(counts)), np.uint64)
    keys[place, columns] = _keys(signed[rows, columns], first + rows)
    return keys


def _rows(keys: Keys) -> NDArray[np.int64]:
    return (_ROW - (keys & _ROW)).astype(np.int64)


def _scores(keys: Keys) -> Scores:
    ordered = (keys >> np.uint64(32)).astype(np.uint32)
    bits = np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered)
    found: Scores = bits.view(np.float32)
    return found


def _best_of_game(keys: Keys, games: NDArray[np.integer[Any]]) -> Keys:
    """Keep the largest key of every game and channel."""
    order = np.argsort(games, kind="stable")
    starts = np.flatnonzero(np.diff(games[order], prepend=games[order[0]] - 1))
    best: Keys = np.maximum.reduceat(keys[order], starts, axis=0)
    return best


def _drop_repeated(former: Keys, keys: Keys, games: NDArray[np.integer[Any]]) -> None:
    """Set the smaller of two keys of one game and channel to 0, in place."""
    known = np.where(former > 0, games[np.where(former > 0, _rows(former), 0)], -1)
    new = games[_rows(keys)]
    i, j, c = np.nonzero(new[:, None] == known[None])
    is_worse = keys[i, c] < former[j, c]
    keys[i[is_worse], c[is_worse]] = 0
    former[j[~is_worse], c[~is_worse]] = 0


#: Ways to compare two vectors of relevance.
METRICS = ("cosine", "l2")
# Numbers that stay in a processor's cache.
_AT_ONCE = 1 << 17
# A sum of squares in single precision that did not lose any to underflow.
_TINY = 1e-30

Numbers = NDArray[np.float64]


def nearest_rows(
    blocks: Iterator[tuple[int, Scores]],
    vector: Numbers,
    k: int,
    *,
    metric: str,
    met: NDArray[np.bool_],
) -> Ranking:
    """Find the k of the rows that are `met` (N,) nearest to a vector (C,), in blocks.

    A cosine is 0 where a vector is all zero, and then no likeness. Rows are compared in
    double precision, unless single precision tells that they are not among the k.
    """
    is_cosine, step = metric == "cosine", max(1, _AT_ONCE // len(vector))
    rows, keys, limit = np.empty(0, np.int64), np.empty(0), np.inf
    for first, block in blocks:
        for start in range(0, len(block), step):
            part, here = block[start : start + step], first + start
            with np.errstate(all="ignore"):
                least = _least(part, vector, is_cosine=is_cosine)
            may_be = (least <= limit) | ~np.isfinite(least)
            near = np.flatnonzero(may_be & met[here : here + len(part)])
            exact = part[near].astype(np.float64)
            found = _exact(exact, vector, is_cosine=is_cosine)
            like = found != 0 if is_cosine else slice(None)
            rows = np.concatenate([rows, here + near[like]])
            keys = np.concatenate([keys, found[like]])
            best = top_rows(keys, k, lowest=True).rows
            rows, keys = rows[best], keys[best]
            limit = keys[-1] if 0 < len(keys) == k else np.inf
    note = "" if len(rows) or not k else "no position is like it"
    scores = (-keys if is_cosine else keys).astype(np.float32)
    return Ranking(rows, scores, lowest=not is_cosine, note=note)


def _least(rows: Scores, vector: Numbers, *, is_cosine: bool) -> Scores:
    """Bound the distance, or the cosine's negative, from below in single precision.

    What cannot be told is not finite. The slack is more than the rounding of a sum of
    products over channels, in whatever order.
    """
    size, slack = float(np.linalg.norm(vector)), (len(vector) + 8) * 2.0**-22
    products = rows @ (vector / size).astype(np.float32)
    squares = np.einsum("ij,ij->i", rows, rows)
    if is_cosine:
        least = -products / np.sqrt(squares) - slack
    else:
        least = np.sqrt((squares + size**2) * (1 - slack) - 2 * size * products)
    return np.where((squares > _TINY) & np.isfinite(squares), least, np.float32(np.nan))


def _exact(rows: Numbers, vector: Numbers, *, is_cosine: bool) -> Numbers:
    """Return distances, or cosines with their sign turned, (B,)."""
    if not is_cosine:
        distances: Numbers = np.sqrt(((rows - vector) ** 2).sum(1))
        return distances
    # A matrix product would round differently in blocks of different size.
    lengths = np.sqrt((rows**2).sum(1)) * np.sqrt((vector**2).sum())
    found = np.zeros(len(rows))
    np.divide((rows * vector).sum(1), lengths, out=found, where=lengths > 0)
    return -found
