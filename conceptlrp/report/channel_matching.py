"""Channels that do the same, matched one to one by correlation over positions.

Nearly everything that channels share is the phase of the game. Correlations are
therefore taken among positions of one group, such as an equal ply, and shown beside
those of positions that were exchanged within their group.

Shapes use N positions, C channels of the first layer and D of the second.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMatch:
    """Channels of one layer, matched one to one.

    Attributes
    ----------
    layer : str
        Name of the layer in the first store.
    other_layer : str
        Name of the layer in the second.
    first, second : int array of shape (min(C, D),)
        Matched channels of either store, best first.
    correlation : float array of the same shape
        Correlation of each pair among positions of equal ply.
    best : float array of shape (C,)
        Largest correlation of each channel of the first store with any of the second.
    chance : float
        Mean correlation of a matching after positions were exchanged within their
        ply: what a matching of unrelated channels gets.
    """

    layer: str
    other_layer: str
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    correlation: Floats
    best: Floats
    chance: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for JSON."""
        return {
            "layer": self.layer,
            "other_layer": self.other_layer,
            "first": self.first.tolist(),
            "second": self.second.tolist(),
            "correlation": self.correlation.tolist(),
            "best": self.best.tolist(),
            "chance": self.chance,
        }


def match_layer(
    names: tuple[str, str],
    tables: tuple[Floats, Floats],
    groups: NDArray[Any],
    *,
    seed: int = 0,
) -> LayerMatch:
    """Match the channels of two layers one to one.

    Shapes: `groups` (N,).
    """
    exchanged = _exchanged(groups, seed)
    correlation = correlation_within(*tables, groups)
    first, second = match_channels(correlation)
    unrelated = correlation_within(tables[0], tables[1][exchanged], groups)
    return LayerMatch(
        layer=names[0],
        other_layer=names[1],
        first=first,
        second=second,
        correlation=correlation[first, second],
        best=correlation.max(axis=1),
        chance=float(unrelated[match_channels(unrelated)].mean()),
    )


def match_channels(correlation: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair rows with columns so that the sum of correlations is largest.

    Shapes: `correlation` (C, D). Returns `rows, columns` (min(C, D),): the pairs, those
    of the largest correlation first.

    Examples
    --------
    >>> rows, columns = match_channels(np.array([[0.2, 0.9], [0.1, 0.8]]))
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [1, 0])
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    rows, columns = linear_sum_assignment(correlation, maximize=True)
    order = np.argsort(-correlation[rows, columns], kind="stable")
    return rows[order], columns[order]


def correlation_within(one: Floats, other: Floats, groups: NDArray[Any]) -> Floats:
    """Correlate columns among rows of the same group.

    Shapes: `groups` (N,). Returns (C, D): 0 for a column that is constant in every
    group.
    """
    left, right = (_unit(_centered(table, groups)) for table in (one, other))
    found: Floats = left.T @ right
    return found


def _exchanged(groups: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """Return rows in an order that exchanges them within their group."""
    generator = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")
    drawn = np.lexsort((generator.random(len(groups)), groups))
    exchanged = np.empty(len(groups), np.intp)
    exchanged[order] = drawn
    return exchanged


def _centered(table: Floats, groups: NDArray[Any]) -> Floats:
    _, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((int(group.max()) + 1, table.shape[1]))
    np.add.at(sums, group, table)
    centered: Floats = table - (sums / np.bincount(group)[:, None])[group]
    return centered


def _unit(table: Floats) -> Floats:
    """Divide columns by their length; one that only rounding fills becomes 0."""
    size = np.sqrt((table**2).sum(axis=0))
    small = size <= 1e-9 * max(float(size.max(initial=0)), 1e-30)
    return np.where(small, 0, table / np.where(small, 1, size))
