"""Statistics of the conditional maps of every channel, over all positions.

Shapes use P phases of the game, C channels and n x n squares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import PHASES

#: Sets of squares whose share of |relevance| is known; legal ones are empty too.
REGIONS = ("own", "opponent", "empty", "legal")
#: Bits behind the binary point of the two words of a sum.
WORD_BITS = (20, 60)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class BoardStatistics:
    """Means over the positions of each phase; 0 where a phase has none.

    Attributes
    ----------
    phases : tuple of str
        Names of the P phases.
    positions : ndarray of shape (P,)
        How many there are.
    positive, negative : ndarray of shape (P, C, n, n)
        Mean of the positive part of the conditional map, and of the negative part.
    second_moment : ndarray of shape (P, C, n, n)
        Mean of the square of the conditional map.
    magnitude : ndarray of shape (P, C, 4)
        Mean of the relevance, regardless of sign, on each of `REGIONS`.
    """

    phases: tuple[str, ...]
    positions: NDArray[np.int64]
    positive: Numbers
    negative: Numbers
    second_moment: Numbers
    magnitude: Numbers

    @property
    def mean(self) -> Numbers:
        """Mean conditional map, of shape (P, C, n, n)."""
        return self.positive + self.negative

    @property
    def variance(self) -> Numbers:
        """Variance of the conditional map over positions, of shape (P, C, n, n)."""
        return np.maximum(self.second_moment - self.mean**2, 0)

    @property
    def region_share(self) -> Numbers:
        """Share of the magnitude on each of `REGIONS`, of shape (P, C, 4).

        Those on own discs, opponent discs and empty squares add up to 1; a channel
        without any relevance has 0.
        """
        total = self.magnitude[..., :3].sum(-1, keepdims=True)
        return self.magnitude / np.where(total > 0, total, 1)

    def pooled(self) -> "BoardStatistics":
        """Return the statistics over all phases together, P being 1."""
        weights = self.positions / max(1, int(self.positions.sum()))

        def mean(values: Numbers) -> Numbers:
            return np.tensordot(weights, values, 1)[None]

        return BoardStatistics(
            phases=("all",),
            positions=self.positions.sum(keepdims=True),
            positive=mean(self.positive),
            negative=mean(self.negative),
            second_moment=mean(self.second_moment),
            magnitude=mean(self.magnitude),
        )


def read_statistics(read: Callable[..., NDArray[Any]], target: int) -> BoardStatistics:
    """Turn the sums of a layer into means.

    Returns: of one layer and target.
    """
    positions = read("positions", ())
    counts = np.maximum(positions, 1)

    def mean(name: str) -> Numbers:
        sums = from_words(read(name, (slice(None), target)))
        means: Numbers = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
        return means

    return BoardStatistics(
        phases=PHASES,
        positions=positions,
        positive=mean("positive"),
        negative=mean("negative"),
        second_moment=mean("squared"),
        magnitude=mean("magnitude"),
    )


def from_words(words: NDArray[np.int64]) -> Numbers:
    """Return the sums that pairs of words along the last axis stand for.

    Shapes: `words` (..., 2). Returns (...): the sum of both words.

    Examples
    --------
    >>> float(from_words(np.array([3 << 19, 1 << 58])))
    1.75
    """
    coarse_bits, fine_bits = WORD_BITS
    coarse, fine = words[..., 0], words[..., 1]
    # Words that were added up are first brought into the range of one number, so
    # that the same sum is the same float however it came about.
    carry = fine >> (fine_bits - coarse_bits)
    fine = fine - (carry << (fine_bits - coarse_bits))
    values: Numbers = np.ldexp((coarse + carry).astype(np.float64), -coarse_bits)
    return values + np.ldexp(fine.astype(np.float64), -fine_bits)
