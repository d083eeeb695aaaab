"""Means over positions with bootstrap intervals, and how alike two maps are.

Positions of one game resemble each other, so whole games are drawn. Shapes use N
positions, G games, B replicates and S squares or channels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp import jsontext

Floats = NDArray[np.float64]
REPLICATES = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean over positions and its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        Mean, and ends of the percentile interval; nan where nothing was measured.
    n : int
        Positions that count.
    """

    mean: float
    low: float
    high: float
    n: int

    def above(self, other: "Estimate") -> bool:
        """Tell whether this interval lies wholly above another."""
        return self.low > other.high

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON: what is not finite is None."""
        fields: dict[str, Any] = jsontext.plain(self)
        return fields


def bootstrap_means(
    values: ArrayLike,
    games: ArrayLike | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Floats:
    """Draw games with replacement and return the mean (B, ...) of each draw.

    Values (N, ...) that are nan do not count; a draw without any value is nan. See
    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 8.
    """
    array = np.asarray(values, np.float64)
    flat = array.reshape(len(array), -1)
    blocks = np.arange(len(array)) if games is None else np.asarray(games)
    _, block = np.unique(blocks, return_inverse=True)
    number = int(block.max(initial=-1)) + 1
    known = np.isfinite(flat)
    # A draw is how often each game counts, so sums of games suffice for its mean.
    sums, counts = (
        _block_sums(part, block, number) for part in (np.where(known, flat, 0), known)
    )
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(number, np.full(number, 1 / number), replicates)
    weights = draws.astype(np.float64)
    means = ratio(weights @ sums, weights @ counts)
    return means.reshape(replicates, *array.shape[1:])


def estimate(
    values: ArrayLike,
    games: ArrayLike | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Return the mean of values (N,) with its 95 % interval.

    Examples
    --------
    >>> estimate([1.0, 1.0, float("nan")])
    Estimate(mean=1.0, low=1.0, high=1.0, n=2)
    """
    return estimates(
        np.asarray(values, np.float64)[:, None],
        games,
        replicates=replicates,
        seed=seed,
    )[0]


def estimates(
    values: ArrayLike,
    games: ArrayLike | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Estimate]:
    """Return an `Estimate` of every column of values (N, K)."""
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    counts = known.sum(axis=0)
    means = known_mean(array)
    if len(array) == 0 or not known.any():
        ends = np.full((2, array.shape[1]), np.nan)
    else:
        drawn = bootstrap_means(array, games, replicates=replicates, seed=seed)
        ends = _percentiles(drawn)
    return [
        Estimate(float(mean), float(low), float(high), int(n))
        for mean, low, high, n in zip(means, *ends, counts, strict=True)
    ]


def _percentiles(drawn: Floats) -> Floats:
    """Return the ends (2, K) of the intervals of replicates (B, K)."""
    ends = np.full((2, drawn.shape[1]), np.nan)
    some = np.isfinite(drawn).any(axis=0)
    ends[:, some] = np.nanpercentile(drawn[:, some], (2.5, 97.5), axis=0)
    return ends


def _block_sums(values: NDArray[Any], block: NDArray[np.intp], number: int) -> Floats:
    sums = np.zeros((number, values.shape[1]))
    np.add.at(sums, block, values)
    return sums


def ratio(top: ArrayLike, bottom: ArrayLike) -> Floats:
    """Divide, and return nan where the divisor is not above 0."""
    over, under = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    known = under > 0
    found: Floats = np.where(known, over / np.where(known, under, 1), np.nan)
    return found


def known_mean(values: ArrayLike) -> Floats:
    """Return the mean over the first axis of what is finite, nan where nothing is."""
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    return ratio(np.where(known, array, 0).sum(axis=0), known.sum(axis=0))


_BLOCK = 256


def cosine(one: ArrayLike, other: ArrayLike) -> Floats:
    """Return the cosine of maps along the last axis, nan where a map is zero.

    Examples
    --------
    >>> cosine([1.0, 0.0], [[1.0, 1.0], [-2.0, 0.0]]).round(3).tolist()
    [0.707, -1.0]
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    product = (left * right).sum(axis=-1)
    size = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    return ratio(product, size)


def rank_correlation(
    one: ArrayLike, other: ArrayLike, within: ArrayLike | None = None
) -> Floats:
    """Return Spearman's rho (N,) of maps (N, S) over the squares that are `within`.

    It is nan where a map is constant on them.
    """
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    counted = np.ones(left.shape, np.bool_) if within is None else np.asarray(within)
    ranks = [_centered_ranks(m, counted) for m in (left, right)]
    product = (ranks[0] * ranks[1]).sum(axis=1)
    size = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    return ratio(product, size)


def _centered_ranks(maps: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return ranks around 0 on the squares that count and 0 elsewhere."""
    ranks = np.empty_like(maps)
    for first in range(0, len(maps), _BLOCK):
        rows = slice(first, first + _BLOCK)
        part, among = maps[rows], counted[rows, None, :]
        less = ((part[:, None, :] < part[:, :, None]) & among).sum(axis=2)
        more = ((part[:, None, :] > part[:, :, None]) & among).sum(axis=2)
        # Equal values share their mean rank: fewer above, more below, and halved.
        ranks[rows] = (less - more) / 2
    return np.where(counted, ranks, 0.0)
