"""Means over positions, correlations over pairs of them, and their intervals.

Positions of one game resemble each other, so whole games are drawn. Of fewer than ten
games no interval is told, since it would be too narrow, and none of values that are
all the same, since they show no chance at all. Shapes use N positions, G games, B
replicates, S squares or channels; P pairs, C channels, K labels.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.jsontext import Plain
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats, codes, sort_within
from conceptlrp.statistics.significance import interval_reach

# Values that differ by less, as part of the largest, differ by rounding.
_ALIKE: Final = 1e-6


@dataclass(frozen=True)
class Estimate(Plain):
    """A mean over positions and its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        Mean, nan where nothing was measured, and ends of the interval, nan too of
        fewer than ten games and where the values are the same at every position.
    n, games : int
        Positions that count, and games that they are of.
    """

    mean: float
    low: float
    high: float
    n: int
    games: int = 0

    @property
    def few(self) -> bool:
        """Whether it is of too few games for an interval or a verdict."""
        return self.games < LEAST_GAMES

    def above(self, bound: float) -> bool:
        """Tell whether it is shown to lie above a bound."""
        least = self.mean if np.isnan(self.low) else self.low
        return not self.few and bool(least > bound)

    def below(self, bound: float) -> bool:
        """Tell whether it is shown to lie below a bound."""
        most = self.mean if np.isnan(self.high) else self.high
        return not self.few and bool(most < bound)


def known_interval(ends: Any, size: Any, games: Any) -> tuple[Floats, Floats]:
    """Make ends (2, ...) nan of few games, and where widths beside `size` are noise."""
    with np.errstate(invalid="ignore"):
        wide = np.subtract(ends[1], ends[0]) > _ALIKE * np.asarray(size)
    told = wide & (np.asarray(games) >= LEAST_GAMES)
    low, high = (np.where(told, end, np.nan) for end in ends)
    return low, high


def count_games(known: ArrayLike, games: ArrayLike | None = None) -> NDArray[np.int64]:
    """Count the games (N,) of what is known (N, ...); without, each is one of its own.

    >>> count_games([True, True, False], [3, 3, 4]).item()
    1
    """
    flags = np.asarray(known, np.bool_)
    if games is None:
        return np.asarray(flags.sum(axis=0))
    game = codes(games)
    found = np.zeros((int(game.max(initial=-1)) + 1, *flags.shape[1:]), np.bool_)
    np.logical_or.at(found, game, flags)
    return np.asarray(found.sum(axis=0))


def bootstrap_means(
    values: ArrayLike,
    games: ArrayLike | None = None,
    *,
    replicates: int = 1000,
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
    sums, counts = (np.zeros((number, flat.shape[1])) for _ in range(2))
    np.add.at(sums, block, np.where(known, flat, 0))
    np.add.at(counts, block, known)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(number, np.full(number, 1 / number), replicates)
    weights = draws.astype(np.float64)
    means = ratio(weights @ sums, weights @ counts)
    return means.reshape(replicates, *array.shape[1:])


def estimate(values: ArrayLike, games: ArrayLike | None = None) -> Estimate:
    """Return the mean of values (N,) with its 95 % interval.

    >>> estimate([1.0, 2.0, float("nan")])
    Estimate(mean=1.5, low=nan, high=nan, n=2, games=2)
    """
    return estimates(np.asarray(values, np.float64)[:, None], games)[0]


def estimates(values: ArrayLike, games: ArrayLike | None = None) -> list[Estimate]:
    """Return an `Estimate` of every column of values (N, K).

    Intervals are Student's of sums of games; those of shares, of what holds or not, of
    the logit, since percentiles of draws are too narrow where nearly all positions
    agree.
    """
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    counts = known.sum(axis=0), count_games(known, games)
    means = known_mean(array)
    ends = _mean_ends(array, known, means, codes(games) if games is not None else None)
    size = np.abs(np.where(known, array, 0)).max(axis=0, initial=0)
    told = known_interval(ends, size, counts[1])
    return [
        Estimate(float(mean), float(low), float(high), int(n), int(g))
        for mean, low, high, n, g in zip(means, *told, *counts, strict=True)
    ]


def _mean_ends(
    array: Floats, known: NDArray[np.bool_], means: Floats, game: Any
) -> Floats:
    """Return the ends (2, K) of intervals of means of columns (N, K)."""
    from scipy.special import expit, logit, stdtrit  # type: ignore[import-untyped]

    game = np.arange(len(array)) if game is None else game
    # The influences of games on the means.
    terms = ratio(np.where(known, array - means, 0), known.sum(axis=0))
    sums, there = (
        np.zeros((int(game.max(initial=-1)) + 1, array.shape[1])) for _ in range(2)
    )
    np.add.at(sums, game, np.nan_to_num(terms))
    np.maximum.at(there, game, known)
    number = there.sum(axis=0)
    variance = np.square(sums).sum(axis=0) * ratio(number, number - 1)
    half = stdtrit(np.maximum(number - 1, 1), 0.975) * np.sqrt(variance)
    sides = np.array([[-1], [1]])
    share = (
        ((array == 0) | (array == 1) | ~known).all(axis=0) & (means > 0) & (means < 1)
    )
    inner = np.where(share, means, 0.5)
    reach = interval_reach(sums, number, 0.975) / (inner * (1 - inner))
    ends: Floats = np.where(
        share, expit(logit(inner) + sides * reach), means + sides * half
    )
    return ends


def paired_difference(
    one: ArrayLike,
    other: ArrayLike,
    games: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Return the mean of one less other (N,) with an interval, of 95 % by default.

    Numbers of the same positions are alike, so their difference says more than two
    intervals. Student's interval of the sums of games holds for few games too, where
    percentiles of a bootstrap are too narrow.
    """
    from scipy.special import stdtrit

    values = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    known = np.isfinite(values)
    blocks = np.arange(len(values)) if games is None else np.asarray(games)
    _, block = np.unique(blocks[known], return_inverse=True)
    values, number = values[known], int(block.max(initial=-1)) + 1
    mean = float(values.mean()) if len(values) else float("nan")
    half = float("nan")
    if number >= LEAST_GAMES:
        sums = np.bincount(block, values - mean)
        error = np.sqrt(number / (number - 1) * (sums**2).sum()) / len(values)
        half = float(stdtrit(number - 1, (1 + confidence) / 2) * error)
    size = np.abs(values).max(initial=0)
    low, high = known_interval((mean - half, mean + half), size, number)
    return Estimate(mean, float(low), float(high), len(values), number)


def ratio_intervals(
    parts: ArrayLike, whole: ArrayLike, games: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Return ratios (K,) of sums of parts (N, K) and of a whole (N,), and their ends.

    Student's, of the influences ``(part - ratio whole) / sum whole`` of games.
    """
    columns, game = np.asarray(parts, np.float64), codes(games)
    divisor = np.asarray(whole, np.float64)
    found = ratio(columns.sum(axis=0), divisor.sum())
    by_game = np.zeros((int(game.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(by_game, game, ratio(columns - found * divisor[:, None], divisor.sum()))
    half = interval_reach(by_game, len(by_game), 0.975)
    return found, *known_interval((found - half, found + half), 1, len(by_game))


def positions_needed(found: Estimate, effect: float) -> int:
    """Return how many positions an effect would show up on, 4 times in 5; 0 if unknown.

    >>> positions_needed(Estimate(0.1, -0.1, 0.3, 50, 50), 0.1)
    409
    """
    half = (found.high - found.low) / 2
    if not (np.isfinite(half) and effect > 0):
        return 0
    # Half the interval is 1.96 standard errors; four times in five asks for 0.84 more.
    return int(np.ceil(found.n * (2.8 / 1.96 * half / effect) ** 2))


def ratio(top: ArrayLike, bottom: ArrayLike) -> Floats:
    """Divide, and return nan where the divisor is not above 0."""
    over, under = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    known = under > 0
    return np.asarray(np.where(known, over / np.where(known, under, 1), np.nan))


def known_mean(values: ArrayLike) -> Floats:
    """Return the mean over the first axis of what is finite, nan where nothing is."""
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    return ratio(np.where(known, array, 0).sum(axis=0), known.sum(axis=0))


def cosine(one: ArrayLike, other: ArrayLike) -> Floats:
    """Return the cosine of maps along the last axis, nan where a map is zero.

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
    """Return Spearman's rho (N,) of maps (N, S) `within` squares, nan of constants."""
    left, right = (np.asarray(m, np.float64) for m in (one, other))
    counted = np.ones(left.shape, np.bool_) if within is None else np.asarray(within)
    return cosine(*(_centered_ranks(maps, counted) for maps in (left, right)))


def _centered_ranks(maps: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return ranks around 0 on the squares that count and 0 elsewhere."""
    sorting = sort_within(maps[counted], codes(counted.nonzero()[0]))
    among = np.empty(len(sorting.order))
    among[sorting.order] = sorting.centered_ranks()
    ranks = np.zeros_like(maps)
    ranks[counted] = among
    return ranks


# Sums in float64 leave this much of a column that is the same for all pairs.
_ROUNDING: Final = 1e-12
# An interval is computed as if no correlation came nearer to 1 than this.
_NEAREST: Final = 1e-6


def standardized(columns: ArrayLike) -> Floats:
    """Return columns (P, K) with a mean of 0 and a deviation of 1, or all 0."""
    array = np.asarray(columns, np.float64)
    if not len(array):
        return array
    centered = array - array.mean(axis=0)
    size = np.sqrt(np.square(centered).mean(axis=0))
    varies = size > _ROUNDING * np.abs(array).max(axis=0)
    return np.where(varies, centered / np.where(varies, size, 1), 0)


def pair_correlations(changes: ArrayLike, differences: ArrayLike) -> Floats:
    """Correlate columns (P, C) with others (P, K): (C, K).

    It is 0 for a channel that changes nothing, nan for a label that never differs.

    >>> pair_correlations([[1.0], [3.0], [2.0]], [[0], [2], [1]]).round(6)
    array([[1.]])
    """
    one, other = standardized(changes), standardized(differences)
    found = np.clip(one.T @ other / max(len(one), 1), -1, 1)
    return np.where(other.any(axis=0), found, np.nan)


def pair_intervals(
    changes: ArrayLike, differences: ArrayLike, games: NDArray[Any]
) -> tuple[Floats, Floats]:
    """Return the ends (C, K) of 95 % intervals of `pair_correlations`.

    Two pairs depend on each other if they share a game, whichever side it is on, so
    the influences ``psi = xy - r (x^2 + y^2) / 2`` of pairs are summed by game
    (P, 2) first: ``V = sum_g (sum_{p of g} psi_p)^2 - sum_p psi_p^2``, the second sum
    since each pair was counted for two games. The interval is Fisher's, with
    Student's distribution; ends are nan where a channel changes nothing, and of pairs
    of fewer than ten games. See Aronow, Samii and Assenova, Political Analysis 23
    (2015): cluster-robust variance of dyadic data.
    """
    from scipy.stats import t as student  # type: ignore[import-untyped]

    x, y = standardized(changes), standardized(differences)
    r, pairs, game = pair_correlations(x, y), len(x), codes(games).reshape(-1, 2)
    sides = np.repeat(np.arange(pairs), 2)[np.argsort(game.ravel(), kind="stable")]
    firsts = np.flatnonzero(np.diff(np.sort(game.ravel()), prepend=-1))
    xx, yy = np.square(x), np.square(y)
    clustered = np.zeros(r.shape)
    for rows in np.split(sides, firsts[1:]):
        spread = xx[rows].sum(axis=0)[:, None] + yy[rows].sum(axis=0)
        clustered += np.square(x[rows].T @ y[rows] - r / 2 * spread)
    # sum_p psi_p^2 multiplied out, so that no (P, C, K) is needed.
    fourth = np.square(xx).sum(axis=0)[:, None] + np.square(yy).sum(axis=0)
    mixed = (x * xx).T @ y + x.T @ (y * yy)
    alone = xx.T @ yy * (1 + np.square(r) / 2) - r * mixed + np.square(r / 2) * fourth
    error = np.sqrt(np.maximum(np.maximum(clustered - alone, alone), 0)) / pairs
    bounded = np.clip(r, _NEAREST - 1, 1 - _NEAREST)
    reach = student.ppf(0.975, max(len(firsts) - 1, 1)) * error
    reach /= 1 - np.square(bounded)
    center = np.arctanh(bounded)
    low, high = np.tanh(center - reach), np.tanh(center + reach)
    ends = np.stack([np.minimum(low, r), np.maximum(high, r)])
    changes = np.any(x != 0, axis=0)[None, :, None]
    return known_interval(np.where(changes, ends, np.nan), 0, len(firsts))


def exchanged_within(strata: ArrayLike, *, seed: int = 0) -> NDArray[np.intp]:
    """Return rows (N,) with those of each stratum in a random order."""
    groups = np.asarray(strata)
    lots = np.random.default_rng(seed).permutation(len(groups))
    rows = np.empty(len(groups), np.intp)
    rows[np.argsort(groups, kind="stable")] = np.lexsort((lots, groups))
    return rows
