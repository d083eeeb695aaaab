"""Rank statistics within strata: how well channels tell where a label holds.

Shapes use n rows (positions, or squares of positions), C channels and K labels. Only
rows of one stratum are compared with each other, so what varies between strata alone
(how far the game has gone, where on the board a square lies) earns nothing. Ties count
half, exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelMatrix:
    """Labels made ready to be compared with ranks of channels.

    An effect is ``W.T @ R / b`` of weights W (n, K) and centred ranks R: for a bool
    label ``2 AUROC - 1``, for a number the correlation of ranks. The bottom b (K,) is
    pairs compared, or the spread of the label's own ranks; 0 where a label cannot be
    tested. Strata are numbered from 0 without gaps.
    """

    weights: NDArray[np.float32]
    bottom: Floats
    numeric: NDArray[np.bool_]
    strata: NDArray[np.intp]

    def take(self, labels: NDArray[np.bool_]) -> "LabelMatrix":
        """Return some of the labels alone."""
        chosen = self.weights[:, labels]
        return LabelMatrix(
            chosen, self.bottom[labels], self.numeric[labels], self.strata
        )


def stratified_auroc(values: ArrayLike, flags: ArrayLike, strata: ArrayLike) -> Floats:
    """Compute how often a row with a label exceeds one without it in its stratum.

    ``AUROC = sum_s U_s / sum_s p_s q_s`` over strata s with ``p_s`` rows that have
    the label and ``q_s`` that have not; ``U_s`` counts the pairs in which the former
    has the larger value, ties half. That is the mean of the strata's AUROC with
    weights ``p_s q_s``.

    Parameters
    ----------
    values : float array of shape (n, C)
        Activation or relevance of channels.
    flags : bool array of shape (n, K)
        Labels.
    strata : int array of shape (n,)
        Rows with the same number are compared.

    Returns
    -------
    float64 of shape (C, K)
        NaN for a label that no stratum has rows both with and without.

    References
    ----------
    Mann and Whitney, Ann. Math. Statist. 18 (1947); van Elteren, Bull. ISI 37 (1960).

    Examples
    --------
    >>> stratified_auroc(
    ...     [[1.0], [2.0], [8.0], [9.0]], [[0], [1], [0], [1]], [0, 0, 1, 1]
    ... )
    array([[1.]])
    """
    columns = np.asarray(flags, np.bool_)
    matrix = label_matrix(list(columns.T), strata)
    return (effects(centered_ranks(values, strata), matrix) + 1) / 2


def stratified_correlation(
    values: ArrayLike, numbers: ArrayLike, strata: ArrayLike
) -> Floats:
    """Compute the rank correlation of channels with numbers within strata.

    Ranks, ties sharing their mean, are centred and divided by the number of rows in
    each stratum; the correlation is of these over all rows. With one stratum it is
    Spearman's.

    Parameters
    ----------
    values : float array of shape (n, C)
        Activation or relevance of channels.
    numbers : array of shape (n, K)
        Labels.
    strata : int array of shape (n,)
        Rows with the same number are compared.

    Returns
    -------
    float64 of shape (C, K)
        0 for a channel that is constant in every stratum, NaN for such a label.

    Examples
    --------
    >>> stratified_correlation([[1], [2], [4]], [[3], [2], [1]], [0, 0, 0]).round(6)
    array([[-1.]])
    """
    columns = np.asarray(numbers, np.float64)
    matrix = label_matrix(list(columns.T), strata)
    return effects(centered_ranks(values, strata), matrix)


def centered_ranks(values: ArrayLike, strata: ArrayLike) -> NDArray[np.float32]:
    """Rank rows (n, C) in strata about 0, ties alike; exact to 8 million rows."""
    columns, groups = np.asarray(values), codes(strata)
    if columns.ndim != 2 or len(columns) != len(groups):
        msg = f"values have shape {columns.shape}, expected ({len(groups)}, C)"
        raise ValueError(msg)
    if not np.isfinite(columns).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(columns))[0])
        msg = f"row {row}, channel {column} is {columns[row, column]}"
        raise ValueError(msg)
    ranks = np.empty(columns.shape, np.float32)
    for channel in range(columns.shape[1]):
        sorting = sort_within(columns[:, channel], groups)
        ranks[sorting.order, channel] = sorting.centered_ranks()
    return ranks


def label_matrix(
    columns: list[NDArray[Any]], strata: ArrayLike, *, prevalence: float = 0.0
) -> LabelMatrix:
    """Make flags and numbers ready; flags below `prevalence` in a stratum are out."""
    groups = codes(strata)
    size = np.bincount(groups)
    numeric = np.array([column.dtype != np.bool_ for column in columns], np.bool_)
    weights = np.empty((len(groups), len(columns)), np.float32)
    bottom = np.empty(len(columns))
    for k, column in enumerate(columns):
        if numeric[k]:
            ranks = centered_ranks(column[:, None], groups)[:, 0].astype(np.float64)
            weights[:, k] = ranks / size[groups] ** 2
            bottom[k] = np.sqrt(np.square(ranks / size[groups]).sum())
        else:
            having = np.bincount(groups, column, minlength=len(size))
            share = having / size
            kept = (share >= prevalence) & (1 - share >= prevalence)
            weights[:, k] = 2 * (column & kept[groups])
            bottom[k] = (having * (size - having))[kept].sum()
    return LabelMatrix(weights, bottom, numeric, groups)


def effects(ranks: NDArray[np.float32], matrix: LabelMatrix) -> Floats:
    """Return the effect (C, K) of every label on every channel, from -1 to 1."""
    # Sums of ranks need float64; a few channels at a time bound the memory.
    wide, blocks = matrix.weights.astype(np.float64), range(0, ranks.shape[1], 32)
    top = [ranks[:, b : b + 32].T.astype(np.float64) @ wide for b in blocks]
    empty = np.empty((0, wide.shape[1]))
    return np.concatenate([empty, *top]) / effect_bottom(ranks, matrix, matrix.bottom)


@dataclass(frozen=True, eq=False)
class Sorting:
    """Rows in ``order`` of stratum and value; where ``ties`` and ``strata`` begin."""

    order: NDArray[np.intp]
    ties: NDArray[np.intp]
    strata: NDArray[np.intp]

    def centered_ranks(self, weights: Floats | None = None) -> Floats:
        """Return centred ranks of the rows in order, counting by weights (..., n)."""
        n = len(self.order)
        given = np.ones(n) if weights is None else weights
        tied = np.add.reduceat(given, self.ties, axis=-1)
        below = np.cumsum(tied, axis=-1) - tied
        within = np.diff(self.strata, append=len(self.ties))
        total = np.add.reduceat(tied, self.strata, axis=-1)
        base = below[..., self.strata] + total / 2
        ranks = below + tied / 2 - np.repeat(base, within, axis=-1)
        return np.repeat(ranks, np.diff(self.ties, append=n), axis=-1)


def sort_within(values: NDArray[Any], groups: NDArray[np.intp]) -> Sorting:
    """Sort one column of values within strata, numbered from 0 without gaps."""
    order = np.argsort(values, kind="stable")
    # Sorting small numbers stably is a matter of counting them.
    narrow = groups.astype(np.min_scalar_type(int(groups.max(initial=0))))
    order = order[np.argsort(narrow[order], kind="stable")]
    column, group = values[order], groups[order]
    changed = np.ones(len(order), np.bool_)
    changed[1:] = group[1:] != group[:-1]
    first = np.flatnonzero(changed)
    changed[1:] |= column[1:] != column[:-1]
    ties = np.flatnonzero(changed)
    return Sorting(order, ties, np.searchsorted(ties, first))


def codes(strata: ArrayLike) -> NDArray[np.intp]:
    """Return strata numbered from 0 without gaps."""
    return np.unique(np.asarray(strata), return_inverse=True)[1].astype(np.intp)


def effect_bottom(
    ranks: NDArray[np.float32], matrix: LabelMatrix, pairs: Floats
) -> Floats:
    """Return what sums of ranks are divided by: NaN for labels without any pairs."""
    inverse = (1 / np.bincount(matrix.strata))[matrix.strata].astype(np.float32)
    squares = np.einsum("nc,nc,n->c", ranks, ranks, np.square(inverse))
    spread = np.sqrt(squares).astype(np.float64)
    # A constant channel has ranks of 0 alone: its effect is 0 by any divisor.
    spread[spread == 0] = 1
    bottom = np.where(pairs > 0, pairs, np.nan)
    return np.where(matrix.numeric, spread[:, None] * bottom, bottom)
