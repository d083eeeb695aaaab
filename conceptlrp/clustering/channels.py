"""Clusters of channels: which ones are used on the same positions.

Shapes use n positions, C channels and K clusters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.blocks import FeatureTable
from conceptlrp.clustering.moments import Moments, feature_moments

__all__ = ["ChannelClustering", "channel_similarity", "cluster_channels"]

#: Ways to compare two channels over positions.
SIMILARITIES = ("correlation", "cosine")


@dataclass(frozen=True, eq=False)
class ChannelClustering:
    """Channels grouped by how alike their relevance is over positions.

    Attributes
    ----------
    labels : int32 array of shape (C,)
        Cluster of each channel, numbered by size, the largest first; -1 for a
        channel that is the same everywhere and so like no other.
    similarity : float64 array of shape (C, C)
        Similarity of each pair, 1 on the diagonal.
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


def channel_similarity(
    moments: Moments, *, kind: str = "correlation"
) -> NDArray[np.float64]:
    """Compare every pair of channels over positions.

    Returns (C, C): between -1 and 1; zero for a channel that is the same everywhere, or
    zero.
    """
    if kind not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        msg = f"similarity {kind!r} is not known, expected one of {known}"
        raise ValueError(msg)
    products = moments.scatter if kind == "correlation" else moments.products
    length = np.sqrt(np.maximum(np.diag(products), 0))
    # Rounding leaves a constant channel a little scatter.
    alive = length > 1e-7 * np.sqrt(np.diag(moments.products))
    scale = np.where(alive, 1 / np.where(alive, length, 1), 0)
    compared = products * np.outer(scale, scale)
    similarity: NDArray[np.float64] = np.clip(compared, -1, 1)
    similarity[alive, alive] = 1
    return similarity


def cluster_channels(
    features: FeatureTable,
    n_clusters: int = 8,
    *,
    similarity: str = "correlation",
    signed: bool = True,
) -> ChannelClustering:
    """Group the channels that are used on the same positions.

    The distance of two channels is one less their similarity; clusters are cut from
    the tree of average linkage.

    Parameters
    ----------
    features : table of shape (n, C)
        Features of positions.
    n_clusters : int
        Clusters wanted; fewer where fewer channels vary.
    similarity : {"correlation", "cosine"}
        How two channels are compared.
    signed : bool
        Hold channels that speak against each other for unlike; without it they are
        as alike as those that agree.

    Returns
    -------
    ChannelClustering
        Computed from C x C moments, whatever the number of positions.

    Raises
    ------
    ValueError
        If the number of clusters or the similarity makes no sense.
    """
    if n_clusters < 1:
        msg = f"n_clusters is {n_clusters}, expected at least 1"
        raise ValueError(msg)
    alike = channel_similarity(feature_moments(features), kind=similarity)
    varying = np.flatnonzero(np.diag(alike) > 0)
    labels = np.full(len(alike), -1, dtype=np.int32)
    if len(varying) < 2:
        labels[varying] = 0
        return ChannelClustering(labels, alike, np.empty((0, 4)), varying)
    close = alike[np.ix_(varying, varying)]
    tree, found, leaves = _cut(1 - (close if signed else np.abs(close)), n_clusters)
    names, inverse, counts = np.unique(found, return_inverse=True, return_counts=True)
    number = np.empty(len(names), dtype=np.int32)
    number[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    labels[varying] = number[inverse]
    return ChannelClustering(labels, alike, tree, varying[leaves])


def _cut(
    distances: NDArray[np.float64], n_clusters: int
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.int64]]:
    """Return the tree, the cluster of each leaf, and the leaves in order."""
    from scipy.cluster.hierarchy import (  # type: ignore[import-untyped]
        fcluster,
        leaves_list,
        linkage,
    )

    upper = np.triu_indices(len(distances), 1)
    tree = linkage(np.maximum(distances[upper], 0), method="average")
    found = fcluster(tree, n_clusters, criterion="maxclust")
    return tree, found, leaves_list(tree).astype(np.int64)
