"""Ask a relevance store: rankings of positions and channels, exact and quick.

Shapes use N positions, C channels and k rows.
"""

import os

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store.index import TOP_ROWS, top_group, top_number
from conceptlrp.store.ranking import CHANNEL_SCORES, Ranking, check_count, top_rows
from conceptlrp.store.schema import INDEX
from conceptlrp.store.stored_arrays import StoredArrays
from conceptlrp.store.tops import ChannelRanking, RunningTop, score_blocks


class Store(StoredArrays):
    """Relevance of a corpus, opened for reading.

    Rows are positions in the order of the corpus. While a run goes on they are
    those of the shards that were finished when the store was opened, and `ids` says
    which positions of the corpus they are.

    Parameters
    ----------
    path : path-like
        Folder of the store.
    damaged : str
        What to do about missing or damaged shards: "refuse" them, or "skip" their
        rows with a warning.

    Attributes
    ----------
    path : Path
        Folder of the store.
    manifest : Manifest
        What it holds and where it came from.

    Raises
    ------
    StoreError
        When the folder is no store, or a part of it is missing or damaged.
    """

    def scores(
        self, layer: str, channel: int, *, by: str = "share", target: int | str = 0
    ) -> NDArray[np.float32]:
        """Return one channel's score at every position, of shape (N,)."""
        self._check_channel(layer, channel)
        self._check_score(by)
        column = np.array([channel])
        if by == "share":
            found = self.share(layer, channels=column, target=target)
        elif by == "relevance":
            found = self.relevance(layer, channels=column, target=target)
        elif by == "activation":
            found = self.activation(layer, channels=column)
        else:
            found = self.peak(layer, channels=column)
        return found[:, 0]

    def top(
        self,
        layer: str,
        channel: int,
        k: int = 16,
        *,
        by: str = "share",
        lowest: bool = False,
        one_per_game: bool = True,
        target: int | str = 0,
    ) -> Ranking:
        """Rank the positions of a channel.

        Parameters
        ----------
        layer, channel : str, int
            The channel.
        k : int
            How many positions to return.
        by : str
            "share" (signed share of the layer's relevance), "relevance" (raw),
            "activation" (summed over the board) or "peak" (largest activation).
        lowest : bool
            Rank the lowest, for instance the most negative relevance, first.
        one_per_game : bool
            Let only the best position of a game count.
        target : int or str
            Index or name of the target.

        Returns
        -------
        Ranking
            Exact; equal scores come in the order of their rows.
        """
        self._check_channel(layer, channel)
        self._check_score(by)
        check_count(k)
        which = top_number(lowest=lowest, one_per_game=one_per_game)
        table = self._tabled(layer, channel, by, which, self.target_index(target))
        # A table with room left holds every row that counts.
        if table is not None and (k <= len(table) or len(table) < TOP_ROWS):
            return table[:k]
        scores = self.scores(layer, channel, by=by, target=target)
        groups = self.positions.game if one_per_game else None
        return top_rows(scores, k, lowest=lowest, groups=groups)

    def rank_channels(
        self,
        layer: str,
        k: int = 16,
        *,
        by: str = "share",
        lowest: bool = False,
        one_per_game: bool = True,
        target: int | str = 0,
    ) -> ChannelRanking:
        """Rank the positions of every channel of a layer in one pass.

        Parameters
        ----------
        layer : str
            Name of the layer.
        k, by, lowest, one_per_game, target
            As for `top`.

        Returns
        -------
        ChannelRanking
            For every channel what `top` gives. Memory does not grow with N.
        """
        self._check_score(by)
        check_count(k)
        games = self.positions.game if one_per_game else None
        top = RunningTop(self.channels(layer), k, lowest=lowest, games=games)
        blocks = score_blocks(self._shards, layer, by, self.target_index(target))
        for first, scores in blocks:
            top.add(first, scores)
        return top.result()

    def _tabled(
        self, layer: str, channel: int, by: str, which: int, target: int
    ) -> Ranking | None:
        """Return the ranking of a channel as far as the index has it."""
        if not (self.manifest.is_complete and self.is_whole):
            return None
        group = top_group(layer, by, target)
        with self._shards.opened(INDEX) as file:
            rows = file.dataset(f"{group}/rows")[which, channel]
            scores = file.dataset(f"{group}/scores")[which, channel]
        n = int((rows >= 0).sum())
        return Ranking(rows[:n], scores[:n])

    def _check_score(self, by: str) -> None:
        if by not in CHANNEL_SCORES:
            msg = f"unknown score '{by}', expected one of {', '.join(CHANNEL_SCORES)}"
            raise ValueError(msg)


def open_store(path: str | os.PathLike[str], *, damaged: str = "refuse") -> Store:
    """Open a relevance store for reading, also while a run still fills it.

    Parameters
    ----------
    path : path-like
        Folder of the store.
    damaged : str
        What to do about missing or damaged shards: "refuse" them, or "skip" their
        rows with a warning.

    Returns
    -------
    Store
        Its arrays are read from disk when they are asked for.

    Raises
    ------
    StoreError
        When the folder is no store, or a part of it is missing or damaged.
    """
    return Store(path, damaged=damaged)
