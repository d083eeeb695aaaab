"""Significance of many effects at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import Floats


def permutation_p(
    effect: ArrayLike, mean: ArrayLike, deviation: ArrayLike, freedom: int
) -> Floats:
    """Compute two-sided p-values from the moments of a permutation null.

    An effect lies ``t = (effect - mean) / (deviation sqrt(1 + 1/B))`` from the null
    of B permutations, and t is judged by Student's distribution with B - 1 degrees
    of freedom. A sum of ranks over many games is nearly normal, and unlike a count
    of permutations this can tell p-values below 1 / B apart, which the correction
    for thousands of pairs needs.

    Returns: NaN where the effect is; 1 where nothing varies and the effect is the mean.
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


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjust p-values so that a bound on them bounds the false discovery rate.

    Returns ``q_(i) = min_{j >= i} p_(j) m / j`` over the m sorted p-values.

    References
    ----------
    Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, float("nan")]).round(3).tolist()
    [0.03, 0.04, 0.04, nan]
    """
    given = np.asarray(p, np.float64)
    q = np.full(given.shape, np.nan)
    made = ~np.isnan(given)
    tested: NDArray[np.float64] = given[made]
    order = np.argsort(tested, kind="stable")[::-1]
    places = np.arange(tested.size, 0, -1)
    adjusted = np.minimum.accumulate(tested[order] * tested.size / places)
    back = np.empty_like(tested)
    back[order] = np.minimum(adjusted, 1)
    q[made] = back
    return q
