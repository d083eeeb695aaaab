"""What sets a cluster apart: its marker channels and its typical positions.

Shapes use n positions, C channels and K clusters.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import FeatureTable, feature_blocks

__all__ = [
    "Markers",
    "center_distances",
    "cluster_centers",
    "marker_effects",
    "strongest_markers",
    "typical_rows",
]

# Below this part of a channel's spread over all positions, a spread within the
# clusters counts as this part: a channel that is constant in a cluster and in
# the rest, but differs between them, then has a large effect, not an infinite one.
_SPREAD_FLOOR = 0.01


@dataclass(frozen=True, eq=False)
class Markers:
    """The channels that set one cluster apart, strongest first.

    An effect is negative where the cluster has less of the channel than the rest.
    """

    channels: NDArray[np.int32]
    effects: NDArray[np.float32]

    def __str__(self) -> str:
        pairs = zip(self.channels.tolist(), self.effects.tolist(), strict=True)
        return ", ".join(f"{channel} ({effect:+.1f})" for channel, effect in pairs)


def cluster_centers(
    features: FeatureTable, labels: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float32]:
    """Mean features of each cluster, (K, C); zero for one without positions."""
    count, total, _ = _moments(features, labels, n_clusters, np.zeros(1))
    centers = total[:n_clusters] / np.maximum(count[:n_clusters, None], 1)
    return centers.astype(np.float32)


def center_distances(
    features: FeatureTable,
    labels: NDArray[np.int32],
    centers: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Distance of each position to the centre of its cluster; infinite for noise."""
    distances = np.full(len(features), np.inf, dtype=np.float32)
    for rows, block in feature_blocks(features):
        inside = np.flatnonzero(labels[rows] >= 0)
        step = block[inside] - centers[labels[rows][inside]]
        length = np.sqrt(np.square(step, dtype=np.float64).sum(axis=1))
        distances[rows.start + inside] = length
    return distances


def marker_effects(
    features: FeatureTable, labels: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float32]:
    """Standardised mean difference of every channel, cluster against the rest.

    With means ``a`` and ``b``, variances ``u`` and ``v`` and counts ``p`` and
    ``q`` of a channel in the cluster and in all other positions, noise
    included, the effect is ``(a - b) / sqrt((p u + q v) / (p + q - 2))`` with
    variances around their own mean (Cohen's d, 1988, ch. 2), of shape (K, C).

    Examples
    --------
    >>> features = np.array([[0.0], [1.0], [4.0], [5.0]], dtype=np.float32)
    >>> marker_effects(features, np.array([0, 0, 1, 1], dtype=np.int32), 2).round(2)
    array([[-5.66],
           [ 5.66]], dtype=float32)
    """
    # Any shift near the data keeps squares small; one of its rows is near enough.
    shift = features[slice(1)].sum(axis=0, dtype=np.float64)
    moments = _moments(features, labels, n_clusters, shift)
    count, total, square = (each[:n_clusters] for each in moments)
    all_count, all_total, all_square = (each.sum(axis=0) for each in moments)
    count = count[:, None]
    rest = all_count - count
    within = _squares_about_mean(count, total, square)
    within += _squares_about_mean(rest, all_total - total, all_square - square)
    spread = np.sqrt(within / np.maximum(all_count - 2, 1))
    overall = _squares_about_mean(np.asarray(all_count), all_total, all_square)
    floor = _SPREAD_FLOOR * np.sqrt(overall / max(all_count, 1))
    difference = _mean(total, count) - _mean(all_total - total, rest)
    known = (count > 0) & (rest > 0) & (floor > 0)
    divisor = np.where(known, np.maximum(spread, floor), 1)
    return np.where(known, difference / divisor, 0).astype(np.float32)


def strongest_markers(effects: NDArray[np.float32], count: int) -> tuple[Markers, ...]:
    """Pick the channels of each cluster with the largest |effect|, low ones first."""
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :count]
    picked = np.take_along_axis(effects, order, axis=1)
    return tuple(
        Markers(channels, values)
        for channels, values in zip(order.astype(np.int32), picked, strict=True)
    )


def typical_rows(
    labels: NDArray[np.int32],
    distances: NDArray[np.float32],
    games: NDArray[np.int32],
    *,
    n_clusters: int,
    count: int,
) -> tuple[NDArray[np.int64], ...]:
    """Find the positions nearest to each centre, at most one of a game.

    Returns indices into `labels` for each cluster, nearest first.
    """
    order = np.lexsort((distances, labels))
    bounds = np.searchsorted(labels[order], np.arange(n_clusters + 1))
    found = []
    for start, stop in pairwise(bounds):
        members = order[start:stop]
        first = np.unique(games[members], return_index=True)[1]
        found.append(members[np.sort(first)[:count]].astype(np.int64))
    return tuple(found)


def _moments(
    features: FeatureTable,
    labels: NDArray[np.int32],
    n_clusters: int,
    shift: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count, sum and sum of squares by cluster; the last row is the noise."""
    count = np.zeros(n_clusters + 1)
    total = np.zeros((n_clusters + 1, features.shape[1]))
    square = np.zeros_like(total)
    for rows, block in feature_blocks(features):
        member = np.zeros((n_clusters + 1, len(block)))
        member[labels[rows], np.arange(len(block))] = 1
        values = block - shift
        count += member.sum(axis=1)
        total += member @ values
        square += member @ np.square(values)
    return count, total, square


def _mean(
    total: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    return total / np.maximum(count, 1)


def _squares_about_mean(
    count: NDArray[np.float64],
    total: NDArray[np.float64],
    square: NDArray[np.float64],
) -> NDArray[np.float64]:
    return np.maximum(square - np.square(total) / np.maximum(count, 1), 0)
