"""The null distribution of effects: labels that have nothing to do with the channel.

Shapes use n rows, C channels and K labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.evaluation.ranks import Floats, LabelMatrix, effect_bottom


@dataclass(frozen=True, eq=False)
class Null:
    """Moments of the effects under the null hypothesis.

    Attributes
    ----------
    mean, deviation : float64 of shape (C, K)
        What effects vary about, and by how much.
    freedom : int
        Degrees of freedom of the deviation.
    """

    mean: Floats
    deviation: Floats
    freedom: int


def null_effects(
    ranks: NDArray[np.float32],
    matrix: LabelMatrix,
    games: NDArray[np.intp],
    exchanges: Iterable[NDArray[np.intp]],
) -> Null:
    """Compute how effects would vary if labels had nothing to do with the channels.

    The mean is that over exchanges of labels between games. The deviation is the
    larger one of theirs and of `game_deviation`: where games have few positions of a
    stratum, or of different strata, an exchange cannot keep together what belongs to
    one game, and its effects vary too little.

    Parameters
    ----------
    ranks : float32 of shape (n, C)
        From `centered_ranks`.
    matrix : LabelMatrix
        The labels.
    games : int array of shape (n,)
        Game of each row, numbered from 0.
    exchanges : iterable of int arrays of shape (n,)
        Rows whose labels each row is given, within strata; two or more.
    """
    found = [_exchanged(ranks, matrix, order) for order in exchanges]
    mean, deviation = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
    whole = game_deviation(ranks, matrix, games)
    freedom = min(len(found), len(np.unique(games))) - 1
    return Null(mean, np.maximum(deviation, whole), max(freedom, 1))


def game_deviation(
    ranks: NDArray[np.float32], matrix: LabelMatrix, games: NDArray[np.intp]
) -> Floats:
    """Compute the deviation of effects if games are independent of each other.

    With centred weights w and ranks R the sum of an effect is that of one term a
    game, ``T_g = sum_{i in g} w_i R_i``. Under the null hypothesis the sign of each
    is as likely as the other, so that the sum has the variance ``sum_g T_g^2``,
    whatever connects the rows of a game.

    Parameters
    ----------
    ranks, matrix, games : as for `null_effects`
        Ranks, labels and games.

    References
    ----------
    Obuchowski, Biometrics 53 (1997): AUROC of clustered data.
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
    ranks: NDArray[np.float32], matrix: LabelMatrix, order: NDArray[np.intp]
) -> Floats:
    """Return effects of labels that the rows have from others."""
    weights = matrix.weights[order]
    pairs = matrix.bottom.copy()
    size = np.bincount(matrix.strata)
    for k in np.flatnonzero(~matrix.numeric):
        # A game may get the labels of a longer one, so that flags change in number.
        having = np.bincount(matrix.strata, weights[:, k]) / 2
        pairs[k] = (having * (size - having)).sum()
    # Sums of float32 are exact enough for a null distribution.
    found = (ranks.T @ weights) / effect_bottom(ranks, matrix, pairs)
    untested = matrix.bottom == 0
    return np.where(untested, np.nan, np.nan_to_num(found))


def _means(
    weights: NDArray[np.float32], strata: NDArray[np.intp]
) -> NDArray[np.float32]:
    means = np.bincount(strata, weights) / np.bincount(strata)
    return means[strata].astype(np.float32)
