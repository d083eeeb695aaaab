"""Resampling whole games: held-out halves, exchanges, bootstrap.

Positions of one game resemble each other, so games and not positions are drawn.
Shapes use n rows, B replicates and K labels.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    codes,
    label_matrix,
    sort_within,
)

_CHUNK = 1 << 21


def held_out_games(
    games: ArrayLike, *, share: float = 0.5, seed: int = 0
) -> NDArray[np.bool_]:
    """Choose positions to be held out, whole games of them.

    Shapes: `games` (n,). Returns (n,): whether a position is held out.
    """
    game = codes(games)
    number = int(game.max(initial=-1)) + 1
    held = round(share * number)
    if not 0 < held < number:
        message = (
            f"holding out {share} of {number} games leaves none on one side; "
            "pass more games or another share"
        )
        raise ValueError(message)
    drawn = np.random.default_rng(seed).permutation(number) < held
    chosen: NDArray[np.bool_] = drawn[game]
    return chosen


def exchanged_games(
    games: ArrayLike, strata: ArrayLike, *, seed: int = 0
) -> NDArray[np.intp]:
    """Give the rows of each game those of another game, stratum by stratum.

    Games stand in a circle in random order. In each stratum a game gets the rows of
    the next one in the circle that has any there, in their order; those of a longer
    or shorter game are thinned out or repeated evenly. Where games have equally many
    rows of every stratum this permutes whole games.

    Shapes: `games, strata` (n,). Returns (n,): ``labels[rows]`` are labels under the
    null hypothesis that within a stratum they have nothing to do with the game they
    stand in.
    """
    game, stratum = codes(games), codes(strata)
    lots = np.random.default_rng(seed).permutation(int(game.max(initial=-1)) + 1)
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


def bootstrap_effects(
    values: ArrayLike,
    columns: list[NDArray[Any]],
    strata: ArrayLike,
    games: ArrayLike,
    *,
    replicates: int = 500,
    prevalence: float = 0.0,
    seed: int = 0,
) -> Floats:
    """Draw games with replacement and compute the effects of one channel anew.

    Shapes: `values` (n,), `columns` (n,), `strata, games` (n,). Returns (B, K): ``2
    AUROC - 1``, or the correlation of ranks; NaN where a replicate has no rows to
    compare.
    """
    groups, game = codes(strata), codes(games)
    generator = np.random.default_rng(seed)
    number, n = int(game.max(initial=-1)) + 1, len(game)
    matrix = label_matrix(columns, groups, prevalence=prevalence)
    chunk = max(1, _CHUNK // max(n, 1))
    parts = []
    for first in range(0, replicates, chunk):
        drawn = generator.integers(0, number, (min(chunk, replicates - first), number))
        weights = np.stack([np.bincount(row, minlength=number) for row in drawn])
        rows = weights[:, game].astype(np.float64)
        parts.append(_weighted_effects(np.asarray(values), columns, rows, matrix))
    return np.concatenate(parts)


def interval(replicates: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile interval of bootstrap replicates.

    Shapes: `replicates` (B, ...). Returns `low, high` (...): the ends of the interval.
    """
    tail = (1 - confidence) / 2
    # An order statistic, since replicates of a ratio can be infinite.
    low, high = np.nanquantile(replicates, [tail, 1 - tail], axis=0, method="nearest")
    return low, high


def _weighted_effects(
    values: NDArray[Any],
    columns: list[NDArray[Any]],
    weights: Floats,
    matrix: LabelMatrix,
) -> Floats:
    """Compute effects, rows counting by weights of shape (B, n)."""
    strata = matrix.strata
    ranks, total = _weighted_ranks(values, strata, weights)
    found = np.empty((len(weights), len(columns)))
    for k, column in enumerate(columns):
        if matrix.numeric[k]:
            other = _weighted_ranks(column, strata, weights)[0] / total
            found[:, k] = _correlation(ranks / total, other, weights)
        else:
            # A flag's weight is 0 in strata that are left out.
            flags = matrix.weights[:, k] > 0
            top = 2 * np.einsum("bn,bn->b", weights * flags, ranks)
            found[:, k] = _ratio(top, _pairs(flags, strata, weights))
    return found


def _pairs(
    flags: NDArray[np.bool_], strata: NDArray[np.intp], weights: Floats
) -> Floats:
    """Count pairs of rows with and without a label in the strata that have it."""
    having = np.unique(strata[flags])
    indicator = (strata[:, None] == having).astype(np.float64)
    with_label = (weights * flags) @ indicator
    without = (weights * ~flags) @ indicator
    pairs: Floats = (with_label * without).sum(axis=1)
    return pairs


def _weighted_ranks(
    values: NDArray[Any], groups: NDArray[np.intp], weights: Floats
) -> tuple[Floats, Floats]:
    """Return centred ranks and the weight of each row's stratum, both (B, n)."""
    sorting = sort_within(values, groups)
    ranks = np.empty_like(weights)
    ranks[:, sorting.order] = sorting.centered_ranks(weights[:, sorting.order])
    in_order = np.argsort(groups, kind="stable")
    firsts = np.flatnonzero(np.diff(groups[in_order], prepend=-1))
    total = np.add.reduceat(weights[:, in_order], firsts, axis=1)
    return ranks, np.maximum(total, 1)[:, groups]


def _correlation(one: Floats, other: Floats, weights: Floats) -> Floats:
    product = np.einsum("bn,bn,bn->b", weights, one, other)
    squares = (np.einsum("bn,bn,bn->b", weights, each, each) for each in (one, other))
    return _ratio(product, np.sqrt(np.prod(list(squares), axis=0)))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    known = bottom > 0
    ratio: Floats = np.where(known, top / np.where(known, bottom, 1), np.nan)
    return ratio
