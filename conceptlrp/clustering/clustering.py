"""The result of a clustering, and what sets a cluster apart from the others.

Shapes use n clustered positions, C channels and K clusters. Clusters are
numbered by size, the largest first; noise, which some estimators report, keeps
the label -1 and is no cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.estimators import Stability
from conceptlrp.clustering.features import FeatureTable, feature_blocks
from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.late import pd
from conceptlrp.store.results.codec import Shape

_MARKERS = 5
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

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.channels.tolist(), self.effects.tolist(), strict=True)

    def __str__(self) -> str:
        return ", ".join(f"{channel} ({effect:+.1f})" for channel, effect in self)


def cluster_centers(
    features: FeatureTable, labels: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float32]:
    """Mean features of each cluster, (K, C); zero for one without positions."""
    count, total, _ = _moments(features, labels, n_clusters, np.zeros(1))
    centers = total[:n_clusters] / np.maximum(count[:n_clusters, None], 1)
    return centers.astype(np.float32)


def center_distances(
    features: FeatureTable, labels: NDArray[np.int32], centers: NDArray[np.float32]
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
    means = total / np.maximum(count, 1), (all_total - total) / np.maximum(rest, 1)
    difference = means[0] - means[1]
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


def _squares_about_mean(
    count: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.maximum(square - np.square(total) / np.maximum(count, 1), 0)


@dataclass(frozen=True, eq=False, repr=False)
class Clustering(Plain):
    """Clusters of positions, with what is needed to describe them.

    Attributes
    ----------
    layer : str
        Layer whose channels were compared; several are joined by "+", and their
        channels are numbered on.
    target : str
        Explained output.
    feature : str
        How the relevance of a position was scaled, see `ClusterOptions`.
    method : str
        The estimator with its parameters.
    seed : int
        Seed of everything random.
    rows : int64 array of shape (n,)
        Row of each position in the store, ascending.
    labels : int32 array of shape (n,)
        Cluster of each position, -1 for noise.
    sizes : int64 array of shape (K,)
        Positions of each cluster, descending.
    centers : float32 array of shape (K, C)
        Mean features of each cluster.
    effects : float32 array of shape (K, C)
        Standardised mean difference of each channel, see `marker_effects`.
    distances : float32 array of shape (n,)
        Distance of each position to the centre of its cluster.
    games : int32 array of shape (n,)
        Game of each position, twins being one; see `game_keys`.
    embedding : float32 array of shape (n, 2) or None
        Coordinates in the plane.
    network, corpus : str
        Digests of the network and the corpus of the store.
    stability : Stability or None
        How alike clusterings of games drawn again are, where it was measured.
    """

    layer: str
    target: str
    feature: str
    method: str
    seed: int
    rows: Annotated[NDArray[np.int64], Shape("n")]
    labels: Annotated[NDArray[np.int32], Shape("n")]
    sizes: Annotated[NDArray[np.int64], Shape("K")]
    centers: Annotated[NDArray[np.float32], Shape("K C")]
    effects: Annotated[NDArray[np.float32], Shape("K C")]
    distances: Annotated[NDArray[np.float32], Shape("n")]
    games: Annotated[NDArray[np.int32], Shape("n")]
    embedding: Annotated[NDArray[np.float32] | None, Shape("n 2")]
    network: str
    corpus: str
    stability: Stability | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        noise = f", {self.noise} noise" if self.noise else ""
        return (
            f"Clustering({self.layer!r}, {len(self)} positions, "
            f"{self.n_clusters} clusters{noise}, {self.method})"
        )

    def _repr_html_(self) -> str:
        rows = [
            (number, f"{size:,}", str(marked))
            for number, (size, marked) in enumerate(
                zip(self.sizes.tolist(), self.markers(_MARKERS), strict=True)
            )
        ]
        columns = ("cluster", "positions", "marker channels (effect)")
        note = f"{self.noise:,} positions are noise" if self.noise else ""
        title = f"Clusters of {self.layer} ({self.target}), {self.method}"
        return html_table(title, columns, rows, note=note)

    def frame(self) -> "pd.DataFrame":
        """Return a row for each position: its cluster and its place in the plane."""
        layout = self.embedding
        if layout is None:
            layout = np.full((len(self), 2), np.nan, np.float32)
        found = {"row": self.rows, "layer": self.layer, "cluster": self.labels}
        found |= {"distance": self.distances, "x": layout[:, 0], "y": layout[:, 1]}
        return pd.DataFrame(found)

    @property
    def n_clusters(self) -> int:
        """Number of clusters K, without the noise."""
        return len(self.sizes)

    @property
    def noise(self) -> int:
        """Number of positions that belong to no cluster."""
        return len(self.labels) - int(self.sizes.sum())

    def members(self, cluster: int) -> NDArray[np.int64]:
        """Return the rows of a cluster, ascending; cluster -1 is the noise."""
        return np.asarray(self.rows[self.labels == cluster])

    def markers(self, count: int = 8) -> tuple[Markers, ...]:
        """Find the channels that set each cluster apart, strongest first."""
        return strongest_markers(self.effects, count)

    def typical(self, count: int = 8) -> tuple[NDArray[np.int64], ...]:
        """Find the rows nearest to each centre, at most one of a game."""
        where, k = (self.labels, self.distances, self.games), self.n_clusters
        found = typical_rows(*where, n_clusters=k, count=count)
        return tuple(self.rows[each] for each in found)
