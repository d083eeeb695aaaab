"""Significance of effects: their null distribution, p-values, false discoveries.

Shapes use n rows, C channels and K labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import Floats, LabelMatrix, effect_bottom


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
    return [
        _null(ranks, matrix, games, total / number, square / number, freedom, number)
        for ranks, total, square in zip(tables, sums, squares, strict=True)
    ]


def _null(
    ranks: NDArray[np.float32],
    matrix: LabelMatrix,
    games: NDArray[np.intp],
    mean: Floats,
    square: Floats,
    freedom: int,
    number: int,
) -> Null:
    variance = np.maximum(square - mean**2, 0) * number / max(number - 1, 1)
    untested = matrix.bottom == 0
    mean = np.where(untested, np.nan, mean)
    whole = game_deviation(ranks, matrix, games)
    return Null(mean, np.maximum(np.sqrt(variance), whole), freedom)


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
    firsts = np.flatnonzero(np.diff(games[order], prepend=-1))
    sorted_ranks = ranks[order]
    variance = np.empty((ranks.shape[1], len(matrix.bottom)))
    for k, weights in enumerate(matrix.weights.T):
        centered = (weights - _means(weights, matrix.strata))[order]
        terms = np.add.reduceat(sorted_ranks * centered[:, None], firsts, axis=0)
        variance[:, k] = np.square(terms, dtype=np.float64).sum(axis=0)
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


def false_discovery_rates(p: ArrayLike) -> Floats:
    """Adjust p-values by Benjamini and Hochberg; nan is no test and stays nan.

    Examples
    --------
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
