"""Reference boards of a channel, with where they come from.

Shapes use k boards and n x n squares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import Position, square_name
from conceptlrp.store import REFERENCE_KINDS, Ranking, Store, Where


@dataclass(frozen=True)
class ReferenceBoards:
    """The best positions of a channel, best first.

    Attributes
    ----------
    layer, channel : str, int
        The channel.
    by : str
        Score that ranks them.
    lowest : bool
        Whether the lowest scores come first.
    target : str
        Name of the explained output.
    rows : ndarray of shape (k,)
        Rows of the store.
    scores : ndarray of shape (k,)
        Score of each.
    positions : tuple of Position
        The boards.
    descriptions : tuple of str
        Players, year and move number.
    transcripts : tuple of str
        Moves that lead to each board.
    played : tuple of str
        The move that was played in each, "" where none is known.
    heatmaps : ndarray of shape (k, n, n) or None
        Conditional heatmaps, where the store keeps them.
    """

    layer: str
    channel: int
    by: str
    lowest: bool
    target: str
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    positions: tuple[Position, ...]
    descriptions: tuple[str, ...]
    transcripts: tuple[str, ...]
    played: tuple[str, ...]
    heatmaps: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        boards = [
            {
                "row": int(self.rows[i]),
                "score": float(self.scores[i]),
                "game": self.descriptions[i],
                "played": self.played[i],
                "transcript": self.transcripts[i],
                "obf": self.positions[i].obf(),
                "heatmap": None if self.heatmaps is None else self.heatmaps[i].tolist(),
            }
            for i in range(len(self))
        ]
        return {
            "layer": self.layer,
            "channel": self.channel,
            "by": self.by,
            "lowest": self.lowest,
            "target": self.target,
            "boards": boards,
        }


def reference_boards(
    store: Store,
    layer: str,
    channel: int,
    k: int = 16,
    *,
    by: str = "share",
    lowest: bool = False,
    one_per_game: bool = True,
    target: int | str = 0,
    where: Where | None = None,
) -> ReferenceBoards:
    """Find the positions on which a channel matters most (RelMax, ActMax).

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer, channel : str, int
        The channel.
    k : int
        How many boards.
    by : str
        "share" or "relevance" (RelMax), "activation" or "peak" (ActMax).
    lowest : bool
        Find the lowest scores, such as the most negative relevance.
    one_per_game : bool
        Take at most one board of a game.
    target : int or str
        The explained output.
    where : Where, optional
        Find only positions that meet conditions.

    Returns
    -------
    ReferenceBoards
        Exact, whatever batches and shards the store was computed in.

    References
    ----------
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    ranking = store.top(
        layer,
        channel,
        k,
        by=by,
        lowest=lowest,
        one_per_game=one_per_game,
        target=target,
        where=where,
    )
    corpus = store.positions
    rows = [int(row) for row in ranking.rows]
    return ReferenceBoards(
        layer=layer,
        channel=channel,
        by=by,
        lowest=lowest,
        target=store.targets[store.target_index(target)],
        rows=ranking.rows,
        scores=ranking.scores,
        positions=tuple(corpus.position(row) for row in rows),
        descriptions=tuple(corpus.describe(row) for row in rows),
        transcripts=tuple(corpus.transcript(row) for row in rows),
        played=tuple(_move_name(int(corpus.played[r]), corpus.size) for r in rows),
        heatmaps=_kept_heatmaps(store, layer, channel, ranking, (by, lowest), target),
    )


def _move_name(square: int, size: int) -> str:
    return square_name(square, size) if square >= 0 else ""


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
