"""Correlations over pairs of positions, with intervals over the games of both.

Shapes use P pairs, C channels and K labels.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import Floats, codes

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

    Examples
    --------
    >>> pair_correlations([[1.0], [3.0], [2.0]], [[0], [2], [1]]).round(6)
    array([[1.]])
    """
    one, other = standardized(changes), standardized(differences)
    found = np.clip(one.T @ other / max(len(one), 1), -1, 1)
    return np.where(other.any(axis=0), found, np.nan)


def pair_intervals(
    changes: ArrayLike,
    differences: ArrayLike,
    games: NDArray[Any],
    *,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return the ends (C, K) of intervals of `pair_correlations`.

    Two pairs depend on each other if they share a game, whichever side it is on, so
    the influences ``psi = xy - r (x^2 + y^2) / 2`` of pairs are summed by game
    (P, 2) first: ``V = sum_g (sum_{p of g} psi_p)^2 - sum_p psi_p^2``, the second sum
    since each pair was counted for two games. The interval is Fisher's, with
    Student's distribution. See Aronow, Samii and Assenova, Political Analysis 23
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
    reach = student.ppf((1 + confidence) / 2, max(len(firsts) - 1, 1)) * error
    reach /= 1 - np.square(bounded)
    center = np.arctanh(bounded)
    low, high = np.tanh(center - reach), np.tanh(center + reach)
    return np.minimum(low, r), np.maximum(high, r)


def exchanged_within(strata: ArrayLike, *, seed: int = 0) -> NDArray[np.intp]:
    """Return rows (N,) with those of each stratum in a random order."""
    groups = np.asarray(strata)
    lots = np.random.default_rng(seed).permutation(len(groups))
    rows = np.empty(len(groups), np.intp)
    rows[np.argsort(groups, kind="stable")] = np.lexsort((lots, groups))
    return rows
