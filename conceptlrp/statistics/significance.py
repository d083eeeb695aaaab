"""Significance of effects: whole games resampled, null distributions, p-values.

Positions of one game resemble each other, so games and not positions are independent.
Percentiles of a bootstrap are too narrow near a perfect effect (an AUROC of .96 with 20
positives is covered 82 times in 100), so intervals are Student's of a transformed
effect; `tests/benchmarks/coverage.py` measures how often they cover.

Shapes use n rows, C channels, K labels, G games and B permutations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    Sorting,
    codes,
    effect_bottom,
    label_matrix,
    sort_within,
)

# Influences and differences of effects below this are rounding.
_NOISE: Final = 1e-9
# How many games are multiplied at a time.
_GAMES: Final = 64


def held_out_games(
    games: ArrayLike, *, share: float = 0.5, seed: int = 0
) -> NDArray[np.bool_]:
    """Choose positions (n,) to be held out, whole games of them."""
    game = codes(games)
    number = int(game.max(initial=-1)) + 1
    held = round(share * number)
    if not 0 < held < number:
        msg = (
            f"holding out {share} of {number} game{'s' * (number != 1)} leaves none on "
            "one side; pass more games or another share"
        )
        raise ValueError(msg)
    drawn = np.random.default_rng(seed).permutation(number) < held
    return np.asarray(drawn[game])


def exchanged_games(
    games: ArrayLike, strata: ArrayLike, *, seed: int = 0
) -> NDArray[np.intp]:
    """Give the rows (n,) of each game those of another game, stratum by stratum.

    ``labels[rows]`` are labels under the null hypothesis that within a stratum they
    have nothing to do with the game they stand in. Games stand in a circle in random
    order. In each stratum a game gets the rows of the next one in the circle that has
    any there, in their order; those of a longer or shorter game are thinned out or
    repeated evenly. Where games have equally many rows of every stratum this permutes
    whole games.
    """
    game, stratum = codes(games), codes(strata)
    lots = np.random.default_rng(seed).permutation(int(game.max(initial=-1)) + 1)
    # Sorted by stratum and place in the circle, the rows of a game are one block.
    layout = np.lexsort((lots[game], stratum))
    changes = [np.diff(each[layout], prepend=-1) != 0 for each in (game, stratum)]
    first = np.flatnonzero(changes[0] | changes[1])
    size = np.diff(first, append=len(game))
    block = np.repeat(np.arange(len(first)), size)
    source = _next_in_circle(stratum[layout][first])[block]
    place = (np.arange(len(game)) - first[block]) * size[source] // size[block]
    rows = np.empty(len(game), np.intp)
    rows[layout] = layout[first[source] + place]
    return rows


def _next_in_circle(strata: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the block after each, that after the last of a stratum being its first."""
    following = np.arange(1, len(strata) + 1)
    starts = np.flatnonzero(np.diff(strata, prepend=-1))
    following[np.append(starts[1:], len(strata)) - 1] = starts
    return following


def effect_intervals(
    values: ArrayLike,
    columns: list[NDArray[Any]],
    strata: ArrayLike,
    games: ArrayLike,
    *,
    confidence: float = 0.95,
    prevalence: float = 0.0,
) -> tuple[Floats, Floats]:
    """Return the ends (K,) of intervals of the effects of one channel.

    To first order an effect e changes by its influences psi_g if games g count more.
    Its variance is that of their sum, and ``artanh e``, half the logit of an AUROC and
    Fisher's z of a correlation, is far from any bound:

        artanh e +- t sqrt(m / (m - 1) sum_g psi_g^2) / (1 - e^2)

    with m games of the scarcer kind, and Student's t with as many degrees of freedom
    as games that had an equal part in the variance: ``(sum psi^2)^2 / sum psi^4``, of
    Kish. A detector of a flag without any
    error has no influences; see `_perfect`. Effects that are 1 or do not vary for
    another reason have both ends there.

    See Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), 6.3, and
    Pepe, The Statistical Evaluation of Medical Tests (2003), 5.2.5: logit intervals.
    """
    groups, game = codes(strata), codes(games)
    matrix = label_matrix(columns, groups, prevalence=prevalence)
    channel, tail = _Ranked(np.asarray(values), groups), (1 + confidence) / 2
    found = np.empty((2, len(columns)))
    for k, column in enumerate(columns):
        if matrix.numeric[k]:
            effect, influence = _of_number(channel, _Ranked(column, groups))
            scarce, error = int(game.max(initial=-1)) + 1, 0.0
        else:
            effect, influence = _of_flag(channel, matrix, k)
            flag = matrix.weights[:, k] > 0
            scarce = min(len(np.unique(game[side])) for side in (flag, ~flag))
            error = _perfect(flag, game, groups, tail)
        by_game = np.bincount(game, influence).astype(np.float64)
        found[:, k] = _ends(effect, by_game, scarce, tail)
        if error and abs(effect) > 1 - _NOISE:
            found[:, k] = (1 - 2 * error, 1) if effect > 0 else (-1, 2 * error - 1)
    return found[0], found[1]


def _ends(
    effect: float, influences: Floats, scarce: int, tail: float
) -> tuple[float, float]:
    """Return the ends of an interval by the influences of games (G,)."""
    half = float(interval_reach(influences, scarce, tail))
    if not half > _NOISE or abs(effect) > 1 - _NOISE:
        return effect, effect
    center, reach = np.arctanh(effect), half / (1 - effect**2)
    return float(np.tanh(center - reach)), float(np.tanh(center + reach))


def interval_reach(influences: Floats, games: ArrayLike, tail: float) -> Floats:
    """Return the reach of intervals by influences (G, ...); ``tail`` .975 is 95 %."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    squares = np.square(influences)
    variance = squares.sum(axis=0)
    fourth = np.maximum(np.square(squares).sum(axis=0), np.finfo(float).tiny)
    # Fewer than Satterthwaite's, which are too many where the few are of a long tail.
    freedom = np.maximum(variance**2 / fourth, 2)
    number = np.asarray(games, np.float64)
    error = np.sqrt(number / np.maximum(number - 1, 1) * variance)
    return np.asarray(stdtrit(freedom, tail) * error)


def _perfect(
    flag: NDArray[np.bool_],
    game: NDArray[np.intp],
    strata: NDArray[np.intp],
    tail: float,
) -> float:
    """Return the largest 1 - AUROC that a detector without any error may have.

    With 1 - AUROC = d small, the variance of pairs p_s q_s of strata is ``d v`` with
    ``v = sum_s p_s q_s (q_s + 1) / 2 / (sum_s p_s q_s)^2``, or with p_s, whichever is
    larger, and more where rows with the flag share a game; ``d = t^2 v (1 - d)``.
    See Hanley and McNeil, Radiology 143 (1982).
    """
    from scipy.special import stdtrit

    having = np.bincount(strata, flag)
    lacking = np.bincount(strata) - having
    pairs = having * lacking
    scarce = having if having.sum() <= lacking.sum() else lacking
    few = np.unique(game[flag if scarce is having else ~flag])
    if not pairs.any() or len(few) < 2:
        return 1.0
    each = max(float((pairs * (side + 1)).sum()) for side in (having, lacking)) / 2
    variance = each / pairs.sum() ** 2 * max(scarce.sum() / len(few), 1)
    odds = float(stdtrit(len(few) - 1, tail) ** 2 * variance)
    return odds / (1 + odds)


class _Ranked:
    """A column sorted within strata."""

    def __init__(self, values: NDArray[Any], strata: NDArray[np.intp]) -> None:
        self.strata = strata
        self.sorting: Sorting = sort_within(values, strata)
        self.size = np.bincount(strata)[strata]
        self.ranks = self.balance(np.ones(len(strata)))
        self.share = self.ranks / self.size

    def balance(self, weights: Floats) -> Floats:
        """Return half the weight below each row less half of that above it."""
        order = self.sorting.order
        found = np.empty(len(order))
        found[order] = self.sorting.centered_ranks(weights[order])
        return found

    def sums(self, terms: Floats) -> Floats:
        """Return sums over the stratum of each row."""
        return np.bincount(self.strata, terms)[self.strata].astype(np.float64)


def _of_flag(channel: _Ranked, matrix: LabelMatrix, k: int) -> tuple[float, Floats]:
    """Return ``U / D`` over pairs of rows with and without a flag, and influences."""
    flag = (matrix.weights[:, k] > 0).astype(np.float64)
    tested = (channel.sums(flag) > 0).astype(np.float64)
    among = channel.balance(flag)
    wins = 2 * np.where(flag > 0, channel.ranks - among, -among) * tested
    having = channel.sums(flag)
    pairs = np.where(flag > 0, channel.size - having, having) * tested
    # Every pair is counted at both of its rows.
    total, compared = wins.sum() / 2, pairs.sum() / 2
    if compared == 0:
        return np.nan, np.zeros(len(flag))
    effect = float(total / compared)
    # The derivative of U / D by the weight of a row.
    return effect, (wins - effect * pairs) / compared


def _of_number(channel: _Ranked, label: _Ranked) -> tuple[float, Floats]:
    """Return the correlation of ranks and influences of rows."""
    product, mine, others = (
        float((one.share * other.share).sum())
        for one, other in ((channel, label), (channel, channel), (label, label))
    )
    if mine == 0 or others == 0:
        return (0.0 if others else np.nan), np.zeros(len(channel.size))
    # The correlation is P / sqrt(A B); each sum has a gradient of the same form.
    scale = np.sqrt(mine * others)
    effect = product / scale
    terms = _gradient(channel, label) / scale
    spread = _gradient(channel, channel) / mine + _gradient(label, label) / others
    return effect, terms - effect / 2 * spread


def _gradient(one: _Ranked, other: _Ranked) -> Floats:
    """Return how ``sum_i a_i b_i`` grows with the weight of each row.

    A row counts itself, moves the ranks of all others in its stratum, and makes its
    stratum larger.
    """
    both = one.share * other.share
    moved = one.balance(other.share) + other.balance(one.share)
    return both - (moved + 2 * one.sums(both)) / one.size


@dataclass(frozen=True, eq=False)
class Null:
    """Mean and deviation (C, K) of effects by chance, and its degrees of freedom."""

    mean: Floats
    deviation: Floats
    freedom: int


def null_moments(
    tables: Sequence[NDArray[np.float32]],
    matrix: LabelMatrix,
    games: NDArray[np.intp],
    exchanges: Iterable[NDArray[np.integer[Any]]],
) -> list[Null]:
    """Return how effects vary if labels have nothing to do with the channels.

    One null for each table of ranks (n, C), by the same exchanges of labels between
    games. The deviation is the larger of theirs and of `game_deviation`: where games
    have few positions of a stratum, or of different strata, an exchange cannot keep
    together what belongs to one game, and its effects vary too little.
    """
    bottoms = [
        effect_bottom(ranks, matrix, np.ones_like(matrix.bottom)) for ranks in tables
    ]
    sums = [np.zeros_like(bottom) for bottom in bottoms]
    squares = [np.zeros_like(bottom) for bottom in bottoms]
    number = 0
    for order in exchanges:
        weights, pairs = _exchanged(matrix, order)
        number += 1
        for ranks, bottom, total, square in zip(
            tables, bottoms, sums, squares, strict=True
        ):
            # Sums of float32 are exact enough for a null distribution.
            found = np.nan_to_num((ranks.T @ weights) / (bottom * pairs))
            total += found
            square += np.square(found)
    # No more can be known of a deviation than there are games or exchanges.
    freedom = max(min(number, len(np.unique(games))) - 1, 1)
    nulls = []
    for ranks, total, square in zip(tables, sums, squares, strict=True):
        mean = total / number
        variance = np.maximum(square / number - mean**2, 0) * number
        deviation = np.sqrt(variance / max(number - 1, 1))
        whole = game_deviation(ranks, matrix, games)
        tested = np.where(matrix.bottom == 0, np.nan, mean)
        nulls.append(Null(tested, np.maximum(deviation, whole), freedom))
    return nulls


def game_deviation(
    ranks: NDArray[np.float32], matrix: LabelMatrix, games: NDArray[np.intp]
) -> Floats:
    """Return the deviation (C, K) of effects if games are independent of each other.

    With centred weights w and ranks R the sum of an effect is that of one term a
    game, ``T_g = sum_{i in g} w_i R_i``. Under the null hypothesis the sign of each
    is as likely as the other, so that the sum has the variance ``sum_g T_g^2``,
    whatever connects the rows of a game.
    See Obuchowski, Biometrics 53 (1997): AUROC of clustered data.
    """
    order = np.argsort(games, kind="stable")
    bounds = np.diff(games[order], prepend=-1, append=-1)
    sizes = np.diff(np.flatnonzero(bounds))
    centered = np.empty_like(matrix.weights)
    for k, weights in enumerate(matrix.weights.T):
        centered[:, k] = weights - _means(weights, matrix.strata)
    variance = np.zeros((ranks.shape[1], len(matrix.bottom)))
    # Games with equally many rows are multiplied together.
    for size in np.unique(sizes):
        rows = order[np.repeat(sizes == size, sizes)].reshape(-1, size)
        if size == 1:
            alone = np.square(ranks[rows[:, 0]], dtype=np.float64)
            variance += alone.T @ np.square(centered[rows[:, 0]], dtype=np.float64)
            continue
        for first in range(0, len(rows), _GAMES):
            block = rows[first : first + _GAMES]
            terms = ranks[block].swapaxes(1, 2) @ centered[block]
            variance += np.square(terms, dtype=np.float64).sum(axis=0)
    return np.sqrt(variance) / effect_bottom(ranks, matrix, matrix.bottom)


def _exchanged(
    matrix: LabelMatrix, order: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.float32], Floats]:
    """Return weights of labels that rows have from others, and pairs compared."""
    weights = matrix.weights[order]
    pairs = matrix.bottom.copy()
    size = np.bincount(matrix.strata)
    for k in np.flatnonzero(~matrix.numeric):
        # A game may get the labels of a longer one, so that flags change in number.
        having = np.bincount(matrix.strata, weights[:, k]) / 2
        pairs[k] = (having * (size - having)).sum()
    return weights, np.where(pairs > 0, pairs, np.nan)


def _means(
    weights: NDArray[np.float32], strata: NDArray[np.intp]
) -> NDArray[np.float32]:
    means = np.bincount(strata, weights) / np.bincount(strata)
    return means[strata].astype(np.float32)


def permutation_p(
    effect: ArrayLike, mean: ArrayLike, deviation: ArrayLike, freedom: int
) -> Floats:
    """Compute two-sided p-values from the moments of a permutation null.

    An effect lies ``t = (effect - mean) / (deviation sqrt(1 + 1/B))`` from the null
    of B permutations, and t is judged by Student's distribution with B - 1 degrees
    of freedom. A sum of ranks over many games is nearly normal, and unlike a count
    of permutations this can tell p-values below 1 / B apart, which the correction
    for thousands of pairs needs.

    It is nan where the effect is, and 1 where nothing varies about the effect.
    """
    from scipy.stats import t as student  # type: ignore[import-untyped]

    difference = np.abs(np.asarray(effect, np.float64) - np.asarray(mean, np.float64))
    scale = np.asarray(deviation, np.float64) * np.sqrt(1 + 1 / (freedom + 1))
    # Sums of float32 leave rounding in an effect that is the same every time.
    noise = 1e-6
    distance = difference / np.maximum(scale, noise)
    distance = np.where(difference <= noise, 0.0, distance)
    p: Floats = 2 * student.sf(distance, freedom)
    return np.where(np.isnan(difference), np.nan, p)


def random_guard(
    sizes: Sequence[Floats], margin: float = np.inf, few: float = 0.01
) -> Floats:
    """Return levels (K,) that at most `few` of all rows of tables (n, K) exceed.

    They exceed each of them, and any of them by more than `margin`. Rows are channels
    of networks with random weights, pooled: more of them make the levels more exact,
    where the largest size would grow with the number of networks.
    """
    pooled = np.concatenate(sizes)
    if not pooled.size:
        return np.zeros(pooled.shape[1])
    level = partial(np.quantile, q=1 - few, axis=0, method="higher")
    levels = level(pooled)
    return np.asarray(levels + max(level((pooled - levels).max(axis=1)) - margin, 0))


def false_discovery_rates(p: ArrayLike) -> Floats:
    """Adjust p-values by Benjamini and Hochberg; nan is no test and stays nan.

    >>> false_discovery_rates([0.01, 0.04, 0.03, float("nan")]).round(3).tolist()
    [0.03, 0.04, 0.04, nan]
    """
    # scipy.stats takes half a second to import, and readers of results need none.
    from scipy.stats import false_discovery_control

    given = np.asarray(p, np.float64)
    rates = np.full(given.shape, np.nan)
    tested = ~np.isnan(given)
    rates[tested] = false_discovery_control(given[tested])
    return rates
