"""What the conditional heatmaps of every channel look like, over a whole corpus.

Shapes use P phases of the game, C channels of a layer and n x n squares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.runs.statistics import REGIONS, from_words
from conceptlrp.store import Store, read_statistics

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class BoardStatistics:
    """Statistics of the conditional heatmaps of a layer, phase by phase.

    A phase without any position has nan throughout.

    Attributes
    ----------
    positions : ndarray of shape (P,)
        Positions of each of `PHASES`.
    positive, negative : ndarray of shape (P, C, n, n)
        Mean of max(map, 0) and of min(map, 0); their sum is the mean map.
    second_moment : ndarray of shape (P, C, n, n)
        Mean of the map squared.
    share : ndarray of shape (P, C, 4)
        Which part of the |relevance| lies on each of `REGIONS`: own discs,
        opponent's discs and empty squares make one, legal moves are empty squares.
    """

    positions: NDArray[np.int64]
    positive: Numbers
    negative: Numbers
    second_moment: Numbers
    share: Numbers

    @property
    def mean(self) -> Numbers:
        """Mean map, (P, C, n, n)."""
        return self.positive + self.negative

    @property
    def standard_deviation(self) -> Numbers:
        """Standard deviation of the map at every square, (P, C, n, n)."""
        variance = self.second_moment - self.mean**2
        return np.sqrt(np.maximum(variance, 0))


def board_statistics(
    store: Store, layer: str, *, target: int | str = 0, by_phase: bool = True
) -> BoardStatistics | None:
    """Return the statistics that a run with ``statistics=True`` has kept.

    Parameters
    ----------
    store : Store
        A finished store.
    layer : str
        Name of the layer.
    target : int or str
        Index or name of the target.
    by_phase : bool
        Keep the phases apart; otherwise P is 1.

    Returns
    -------
    BoardStatistics or None
        None where the store keeps no statistics.

    Raises
    ------
    LayerError, TargetError
        For a layer or target that the store does not have.
    StoreError
        When the file is damaged.
    """
    index = store.target_index(target)
    found = read_statistics(store, layer)
    if found is None:
        return None
    sums = {n: _phases(words, by_phase) for n, words in found.items()}
    counts = sums.pop("positions")
    totals = {name: from_words(words)[:, index] for name, words in sums.items()}
    n_positions = counts[:, None, None, None].astype(float)
    magnitude = totals["magnitude"]
    occupied_or_empty = magnitude[..., : REGIONS.index("legal")].sum(-1, keepdims=True)
    # What has no position, or no relevance, has no mean and no share.
    with np.errstate(divide="ignore", invalid="ignore"):
        return BoardStatistics(
            positions=counts,
            positive=totals["positive"] / n_positions,
            negative=totals["negative"] / n_positions,
            second_moment=totals["squared"] / n_positions,
            share=magnitude / occupied_or_empty,
        )


def _phases(words: NDArray[Any], by_phase: bool) -> NDArray[Any]:  # noqa: FBT001
    """Return sums of every phase, or of all together."""
    return words if by_phase else words.sum(0, keepdims=True)
