"""Ask a relevance store: rankings of positions and channels, exact and quick.

Shapes use N positions, C channels and k rows.
"""

import os
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import check_known, check_least, check_type
from conceptlrp.late import pd
from conceptlrp.othello import square_name
from conceptlrp.store.arrays import (
    ReferenceTable,
    StoredArrays,
    StoredMaps,
    read_reference_table,
)
from conceptlrp.store.columns import Condition, StoredColumns
from conceptlrp.store.format.schema import INDEX, REFERENCE_KINDS, REFERENCES
from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.ranking import (
    CHANNEL_SCORES,
    METRICS,
    ChannelRanking,
    Ranking,
    RunningTop,
    nearest_rows,
    score_blocks,
    share_of,
    tells,
    told,
    top_rows,
)
from conceptlrp.store.results.kinds import whole_file
from conceptlrp.store.results.results import Results
from conceptlrp.store.shards import Selection
from conceptlrp.store.writing.finish import TOP_ROWS, top_group, top_number

_VECTORS = ("relevance", "share")
_FEW = 32


class Store(OpenedStore):
    """Relevance of a corpus, opened for reading.

    Rows are positions in the order of the corpus. While a run goes on they are those of
    the shards that were finished when the store was opened, and `ids` says which
    positions of the corpus they are.

    Parameters
    ----------
    path : path-like
        Folder of the store; one that is no store, or has a part that is missing or
        damaged, raises `StoreError`.
    damaged : str
        What to do about missing or damaged shards: "refuse" them, or "skip" their
        rows with a warning.

    Attributes
    ----------
    path : Path
        Folder of the store.
    manifest : Manifest
        What it holds and where it came from.
    """

    @cached_property
    def arrays(self) -> StoredArrays:
        """What was computed at every position: relevance, activation, outputs."""
        return StoredArrays(self)

    @cached_property
    def columns(self) -> StoredColumns:
        """What is known about every position: its game, phase, labels, conditions."""
        return StoredColumns(self, self.arrays)

    @cached_property
    def maps(self) -> StoredMaps:
        """The conditional maps that were kept."""
        return StoredMaps(self)

    @cached_property
    def results(self) -> Results:
        """What was derived from the store: save, get, list and missing."""
        return Results(self)

    def references(
        self, layer: str, kind: str = "share-top", *, target: int | str = 0
    ) -> ReferenceTable | None:
        """Read the reference boards of every channel of a layer, None without any."""
        self.channels(layer)
        group = f"{self.target_index(target)}/{kind}/{layer}"
        check_known("kind of reference boards", kind, REFERENCE_KINDS)
        if REFERENCES not in self.manifest.files:
            return None
        path = whole_file(self.path, self.manifest, REFERENCES)
        return read_reference_table(path, group)

    def scores(
        self,
        layer: str,
        channel: int,
        *,
        by: str = "share",
        rows: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Return one channel's score at every position, or some, of shape (rows,)."""
        self.check_channel(layer, channel)
        check_known("score", by, CHANNEL_SCORES)
        read = getattr(self.arrays, by)
        of = {"target": target} if by in _VECTORS else {}
        found: NDArray[np.float32] = read(
            layer, rows=rows, channels=np.array([channel]), **of
        )
        return found[:, 0]

    def top(
        self,
        layer: str,
        channel: int,
        count: int = 16,
        *,
        by: str = "share",
        lowest: bool = False,
        one_per_game: bool = True,
        target: int | str = 0,
        where: Condition = None,
    ) -> Ranking:
        """Rank the positions of a channel exactly; equal scores come by their rows.

        Scores are "share" (signed share of the layer's relevance), "relevance" (raw),
        "activation" (summed over the board) or "peak" (largest activation). `lowest`
        ranks the lowest first, for instance the most negative relevance; `one_per_game`
        lets only the best position of a game count; `where`, conditions or a mask (N,),
        ranks only the positions that it is true of.

        The highest are above 0, the lowest share or relevance is below; positions of
        score 0 are never ranked. Where the end that is asked for has none, the other
        is ranked, which ``lowest`` and ``note`` of the ranking say; so does ``note``
        where more positions tie with the last.
        """
        self.check_channel(layer, channel)
        check_known("score", by, CHANNEL_SCORES)
        check_least("count", count, 0)
        rows = None if where is None else np.flatnonzero(self.columns.mask(where))

        among = len(self) if rows is None else len(rows)
        about = (layer, channel, by, rows, self.target_index(target))
        ranked = partial(self._end, *about, count + 1, one_per_game=one_per_game)
        return told(ranked, by=by, lowest=lowest, count=count, among=among)

    def rank_channels(
        self,
        layer: str,
        count: int = 16,
        *,
        by: str = "share",
        lowest: bool = False,
        one_per_game: bool = True,
        target: int | str = 0,
    ) -> ChannelRanking:
        """Rank the positions of every channel of a layer in one pass, as `top` does.

        Only the end that is asked for is ranked. Memory does not grow with N.
        """
        check_known("score", by, CHANNEL_SCORES)
        check_least("count", count, 0)
        games = self.columns.metadata.of_positions("game") if one_per_game else None
        top = RunningTop(self.channels(layer), count, lowest=lowest, games=games, by=by)
        blocks = score_blocks(self.shards, layer, by, self.target_index(target))
        for first, scores in blocks:
            top.add(first, scores)
        return top.result()

    def channels_frame(
        self,
        layer: str,
        row: int,
        *,
        by: str = "share",
        lowest: bool = False,
        target: int | str = 0,
    ) -> "pd.DataFrame":
        """Rank the channels of a layer at one position, by one of `CHANNEL_SCORES`.

        Returns relevance, share, activation, peak and ``peak_square`` of every channel,
        best first, or lowest; equal scores come in the order of the channels. The
        square is None where a map's place on the board is unknown. A row that the store
        lacks raises `IndexError`.
        """
        columns = self.channels_at(layer, row, by=by, lowest=lowest, target=target)
        return pd.DataFrame(columns).set_index("channel")

    def channels_at(
        self,
        layer: str,
        row: int,
        *,
        by: str = "share",
        lowest: bool = False,
        target: int | str = 0,
    ) -> dict[str, NDArray[Any]]:
        """Return the columns of `channels_frame` as arrays (C,), without pandas."""
        check_known("score", by, CHANNEL_SCORES)
        self.check_row(row)
        count, rows = self.channels(layer), [row]
        relevance = self.arrays.relevance(layer, rows=rows, target=target)
        norm = self.arrays.norm(layer, rows, target)
        columns: dict[str, NDArray[Any]] = {
            "channel": np.arange(count),
            "relevance": relevance[0],
            "share": share_of(relevance, norm)[0],
            "activation": self.arrays.activation(layer, rows=rows)[0],
            "peak": self.arrays.peak(layer, rows=rows)[0],
            "peak_square": np.array(self._map_squares(layer, row), object),
        }
        order = top_rows(columns[by], count, lowest=lowest).rows
        return {name: column[order] for name, column in columns.items()}

    def nearest(
        self,
        layer: str,
        like: int | ArrayLike,
        count: int = 16,
        *,
        metric: str = "cosine",
        by: str = "relevance",
        target: int | str = 0,
        where: Condition = None,
    ) -> Ranking:
        """Find the positions on which the channels of a layer have relevance alike.

        `like` is a row of the store, which is not found itself, or relevance (C,);
        `metric` is "cosine" or "l2"; `by` is "relevance" (raw) or "share" (signed share
        of the layer's relevance); `where`, conditions or a mask (N,), says among which
        positions. The nearest come first, with cosines (highest first) or distances
        (lowest first), exact in double precision; equal scores come by their rows. A
        cosine of 0, as with no relevance at all, is no likeness.
        """
        check_known("metric", metric, METRICS)
        check_known("score", by, _VECTORS)
        check_least("count", count, 0)
        met = self.columns.mask(where)
        vector = self._vector(layer, like, by, target)
        if np.ndim(like) == 0:
            met = met.copy()
            met[np.asarray(like, np.int64)] = False
        number = self.target_index(target)
        blocks = score_blocks(self.shards, layer, by, number, gather=False)
        return nearest_rows(blocks, vector, count, metric=metric, met=met)

    def _map_squares(self, layer: str, row: int) -> list[str | None]:
        """Name the square of each channel's peak, None where a map is no board.

        Maps of an OthelloNet that are smaller than the board lie in its middle, since
        its last convolutions are not padded.
        """
        found = self.arrays.peak_square(layer, rows=[row])[0].tolist()
        size, width = self.manifest.board_size, self.manifest.layers[layer]["width"]
        edge = (size - width) // 2
        if edge and self.manifest.network.get("architecture") != "OthelloNet":
            return [None] * len(found)
        # Squares are named in the 8 x 8 word, in whose middle a smaller board lies.
        edge += (8 - size) // 2
        places = (divmod(each, width) for each in found)
        return [square_name(8 * (y + edge) + x + edge, size) for y, x in places]

    def _scores_of(
        self, layer: str, channel: int, rows: NDArray[np.int64], **asked: Any
    ) -> NDArray[np.float32]:
        """Read the scores of ascending rows."""
        # Of many rows nearly every chunk has some, and whole shards read faster.
        if _FEW * len(rows) > len(self):
            return self.scores(layer, channel, **asked)[rows]
        return self.scores(layer, channel, rows=rows, **asked)

    def _vector(
        self, layer: str, like: int | ArrayLike, by: str, target: int | str
    ) -> NDArray[np.float64]:
        """Return the relevance of every channel at a row, or the one that is given."""
        read = self.arrays.share if by == "share" else self.arrays.relevance
        if isinstance(like, int | np.integer):
            self.check_row(int(like))
            like = read(layer, rows=[int(like)], target=target)[0]
        vector: NDArray[np.float64] = np.asarray(like, np.float64)
        if vector.shape != (self.channels(layer),) or not np.isfinite(vector).all():
            msg = (
                f"the vector has shape {vector.shape}, expected "
                f"{self.channels(layer)} finite numbers, one a channel"
            )
            raise ValueError(msg)
        return vector

    def _end(
        self,
        layer: str,
        channel: int,
        by: str,
        rows: NDArray[np.int64] | None,
        target: int,
        count: int,
        *,
        lowest: bool,
        one_per_game: bool,
    ) -> Ranking:
        """Rank the highest or the lowest of some rows, or all, that tell of an end."""
        telling = partial(tells, by=by, lowest=lowest)
        listed = self.current_manifest().files.get(INDEX)
        is_current = self.is_whole and listed == self.manifest.files.get(INDEX)
        if rows is None and self.manifest.is_complete and is_current:
            which = top_number(lowest=lowest, one_per_game=one_per_game)
            with self.shards.opened(INDEX) as file:
                group = top_group(layer, by, target)
                table = file.dataset(f"{group}/rows")[which, channel]
                scores = file.dataset(f"{group}/scores")[which, channel]
            n = int((table >= 0).sum())
            tell = int(telling(scores[:n]).sum())
            # What tells comes first, but for low scores that need no sign. A table
            # with room left, or with others at its end, holds all that tell.
            ordered = tell == n or not lowest or by in _VECTORS
            if ordered and (count <= tell or tell < n or n < TOP_ROWS):
                return Ranking(table[:tell], scores[:tell])[:count]
        if rows is None:
            rows = np.arange(len(self))
        scores = self._scores_of(layer, channel, rows, by=by, target=target)
        keep = telling(scores)
        rows = rows[keep]
        game = self.columns.metadata.of_positions("game") if one_per_game else None
        groups = None if game is None else game[rows]
        found = top_rows(scores[keep], count, lowest=lowest, groups=groups)
        return Ranking(rows[found.rows], found.scores)


#: A store, or the folder of one: what everything takes that asks a store.
AnyStore: TypeAlias = Store | str | os.PathLike[str]


def open_store(path: AnyStore, *, damaged: str = "refuse") -> Store:
    """Open a relevance store for reading, also while a run still fills it.

    Parameters
    ----------
    path : path-like or Store
        Folder of the store; a store is returned as it is.
    damaged : str
        What to do about missing or damaged shards: "refuse" them by a `StoreError`,
        or "skip" their rows with a warning.

    Returns
    -------
    Store
        Its arrays are read from disk when they are asked for.
    """
    if isinstance(path, Store):
        return path
    check_type(path, str | os.PathLike, "store", "a Store or the path of one")
    return Store(path, damaged=damaged)
