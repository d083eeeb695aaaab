"""Clusters of channels: which ones are used on the same positions.

Shapes use n positions, C channels and A that vary. Channels are compared by their first
and second moments, which merge exactly: a corpus of any size costs one C x C matrix.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import (
    FeatureTable,
    feature_blocks,
    numbered_by_size,
)
from conceptlrp.errors import check_least

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChannelClustering:
    """Channels grouped by how alike their relevance is over positions.

    Attributes
    ----------
    labels : int32 array of shape (C,)
        Cluster of each channel, numbered by size, the largest first; -1 for a
        channel that is the same everywhere and so like no other.
    similarity : float64 array of shape (C, C)
        Correlation of each pair, 1 on the diagonal.
    tree : float64 array of shape (A - 1, 4)
        Joints of the A channels that vary, as `scipy.cluster.hierarchy.linkage`
        gives them.
    order : int64 array of shape (A,)
        Those channels in the order of the leaves of the tree, for a picture of the
        similarities in which alike channels stand together.
    """

    labels: NDArray[np.int32]
    similarity: NDArray[np.float64]
    tree: NDArray[np.float64]
    order: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Number of rows n, mean (C,) and scatter (C, C) of features.

    The scatter sums the products of deviations from the mean over rows.
    """

    count: int
    mean: Matrix
    scatter: Matrix

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both tables together."""
        # Chan, Golub and LeVeque: each table scatters about its own mean, and the
        # two means about the common one, which stays exact where sums of squares
        # would cancel.
        count = self.count + other.count
        step = other.mean - self.mean
        weight = other.count / max(count, 1)
        between = np.outer(step, step) * (self.count * weight)
        return Moments(
            count, self.mean + weight * step, self.scatter + other.scatter + between
        )

    def principal_axes(self, count: int) -> Matrix:
        """Find the directions of largest variance, (count, C), each of length one."""
        _, vectors = np.linalg.eigh(self.scatter / max(self.count, 1))
        axes = vectors[:, ::-1][:, :count].T
        # The sign of an eigenvector is arbitrary; its largest entry shall be positive.
        peaks = np.abs(axes).argmax(axis=1)
        signs = np.where(axes[np.arange(len(axes)), peaks] < 0, -1, 1)
        return np.asarray(axes * signs[:, None])


def feature_moments(features: FeatureTable) -> Moments:
    """Gather the moments of a table (n, C) in float64."""
    columns = features.shape[1]
    total = Moments(0, np.zeros(columns), np.zeros((columns, columns)))
    for _, block in feature_blocks(features):
        values = block.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        total = total.merge(Moments(len(block), mean, values.T @ values))
    return total


def channel_similarity(moments: Moments) -> Matrix:
    """Correlate every pair of channels, (C, C); zero for one that never changes."""
    squares = np.diag(moments.scatter) + moments.count * np.square(moments.mean)
    length = np.sqrt(np.maximum(np.diag(moments.scatter), 0))
    # Rounding leaves a constant channel a little scatter.
    alive = length > 1e-7 * np.sqrt(squares)
    scale = np.where(alive, 1 / np.where(alive, length, 1), 0)
    similarity: Matrix = np.clip(moments.scatter * np.outer(scale, scale), -1, 1)
    similarity[alive, alive] = 1
    return similarity


def cluster_channels(features: FeatureTable, n_clusters: int = 8) -> ChannelClustering:
    """Group the channels that are used on the same positions.

    The distance of two channels is one less their correlation; clusters are cut from
    the tree of average linkage.

    Parameters
    ----------
    features : table of shape (n, C)
        Features of positions.
    n_clusters : int
        Clusters wanted; fewer where fewer channels vary.

    Returns
    -------
    ChannelClustering
        Computed from C x C moments, whatever the number of positions.
    """
    check_least("n_clusters", n_clusters)
    alike = channel_similarity(feature_moments(features))
    varying = np.flatnonzero(np.diag(alike) > 0)
    labels = np.full(len(alike), -1, dtype=np.int32)
    if len(varying) < 2:
        labels[varying] = 0
        return ChannelClustering(labels, alike, np.empty((0, 4)), varying)
    tree, found, leaves = _cut(1 - alike[np.ix_(varying, varying)], n_clusters)
    labels[varying], _ = numbered_by_size(found)
    return ChannelClustering(labels, alike, tree, varying[leaves])


def _cut(
    distances: Matrix, n_clusters: int
) -> tuple[Matrix, NDArray[Any], NDArray[np.int64]]:
    """Return the tree, the cluster of each leaf, and the leaves in order."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage  # type: ignore[import-untyped]

    upper = np.triu_indices(len(distances), 1)
    tree = linkage(np.maximum(distances[upper], 0), method="average")
    found = fcluster(tree, n_clusters, criterion="maxclust")
    return tree, found, leaves_list(tree).astype(np.int64)
