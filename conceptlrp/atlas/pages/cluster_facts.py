"""What the pages of a clustering say, computed once for all of its clusters.

Shapes use N positions in the store, n of them clustered, C channels and K clusters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering import (
    ClusterDescription,
    Clustering,
    Stability,
    describe_clusters,
)
from conceptlrp.clustering.features import (
    FeatureTable,
    held_in_memory,
    position_features,
    sample_rows,
)
from conceptlrp.store import Store

_SILHOUETTE_ROWS = 2000
_NEAREST = 4
# Positions whose density within the cluster is looked at.
_LIKELIHOOD_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class ClusterFacts:
    """A clustering of K clusters, described; K in each tuple.

    `silhouette` (K,) is the mean of a seeded sample; `likelihood` (n,) the log-density
    of each position in a Gaussian around its cluster's mean with the variance of each
    channel. Both are nan where unknown. `nearest` has other clusters with the distance
    of centres.
    """

    clustering: Clustering
    descriptions: tuple[ClusterDescription, ...]
    labelled: int
    silhouette: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    nearest: tuple[tuple[tuple[int, float], ...], ...]
    stability: Stability | None

    def atypical(self, cluster: int, k: int) -> NDArray[np.int64]:
        """Find the least likely positions of a cluster, one per game, as indices."""
        members = np.flatnonzero(self.clustering.labels == cluster)
        members = members[np.isfinite(self.likelihood[members])]
        members = members[np.argsort(self.likelihood[members], kind="stable")]
        first = np.unique(self.clustering.games[members], return_index=True)[1]
        return members[np.sort(first)[:k]]


def cluster_facts(
    store: Store,
    clustering: Clustering,
    *,
    stability: Stability | None = None,
    count: int = 8,
) -> ClusterFacts:
    """Describe the clusters of a store; the same again for the same clustering."""
    features = held_in_memory(
        position_features(
            store,
            clustering.layer,
            target=clustering.target,
            feature=clustering.feature,
            rows=clustering.rows,
        )
    )
    columns = _label_columns(store)
    clustering = replace(clustering, stability=stability)
    return ClusterFacts(
        clustering=clustering,
        descriptions=describe_clusters(
            clustering, store.positions, columns=columns, count=count
        ),
        labelled=len(columns),
        silhouette=_silhouette(clustering, features),
        likelihood=_likelihood(clustering, features),
        nearest=_nearest(clustering.centers),
        stability=stability,
    )


def _label_columns(store: Store) -> Mapping[str, NDArray[np.bool_]]:
    columns = {name: store.columns.label(name) for name in store.columns.label_names}
    return {name: each for name, each in columns.items() if each.dtype == bool}


def _silhouette(clustering: Clustering, features: FeatureTable) -> NDArray[np.float64]:
    from sklearn.metrics import silhouette_samples

    found = np.full(clustering.n_clusters, np.nan)
    clustered = np.flatnonzero(clustering.labels >= 0)
    chosen = clustered[sample_rows(len(clustered), _SILHOUETTE_ROWS, 0)]
    labels = clustering.labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(chosen):
        return found
    values = silhouette_samples(features[chosen], labels)
    for cluster in np.unique(labels).tolist():
        found[cluster] = values[labels == cluster].mean()
    return found


def _likelihood(clustering: Clustering, features: FeatureTable) -> NDArray[np.float64]:
    found = np.full(len(clustering), np.nan)
    for cluster in range(clustering.n_clusters):
        members = np.flatnonzero(clustering.labels == cluster)
        members = members[sample_rows(len(members), _LIKELIHOOD_ROWS, 0)]
        if len(members) < 2:
            continue
        found[members] = _log_density(features[members].astype(np.float64))
    return found


def _log_density(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-density of rows (n, C) in the Gaussian with their mean and variances."""
    # A floor well below the features' own spread: a channel that hardly ever moves
    # would make any other position an outlier.
    variance = values.var(axis=0)
    variance = variance + 1e-3 * variance.mean() + 1e-12
    distance = np.square(values - values.mean(axis=0)) / variance
    found: NDArray[np.float64] = (distance + np.log(2 * np.pi * variance)).sum(axis=1)
    return -found / 2


def _nearest(
    centers: NDArray[np.float32],
) -> tuple[tuple[tuple[int, float], ...], ...]:
    """List the other clusters by the distance of their centres."""
    found = []
    for cluster, center in enumerate(centers.astype(np.float64)):
        distances = np.linalg.norm(centers - center, axis=1)
        order = np.argsort(distances, kind="stable")
        others = [(int(i), float(distances[i])) for i in order if i != cluster]
        found.append(tuple(others[:_NEAREST]))
    return tuple(found)
