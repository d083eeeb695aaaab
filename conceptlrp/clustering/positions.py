"""Positions of a store, clustered by the relevance of one layer's channels.

Shapes use N positions in the store, n of them clustered, C channels and K
clusters.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.embeddings import plane_embedding
from conceptlrp.clustering.estimators import Estimator, fit_labels, make_estimator
from conceptlrp.clustering.features import relevance_features
from conceptlrp.clustering.markers import (
    center_distances,
    cluster_centers,
    marker_effects,
)
from conceptlrp.errors import ClusteringError
from conceptlrp.store import Store

__all__ = ["cluster_positions"]

_ROWS_AT_ONCE = 65_536


def cluster_positions(
    store: Store,
    *,
    layer: str,
    estimator: str | Estimator = "spectral",
    n_clusters: int | None = 12,
    target: int | str = 0,
    feature: str = "share",
    rows: ArrayLike | None = None,
    embedding: str | None = "pca",
    seed: int = 0,
) -> Clustering:
    """Group positions on which the network uses the same channels.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Layer whose channels are compared.
    estimator : "spectral", "kmeans" or a scikit-learn estimator
        `LandmarkSpectral`, `sklearn.cluster.MiniBatchKMeans`, or any estimator
        with ``fit_predict`` or ``labels_`` or ``predict``, pipelines included.
        An estimator is cloned, and every ``random_state`` that is None gets
        the seed.
    n_clusters : int or None
        Number of clusters for the two names; None lets "spectral" choose by
        the eigengap. An estimator keeps its own.
    target : int or str
        Explained output.
    feature : {"share", "raw", "l2"}
        How the relevance of a position is scaled.
    rows : int array of shape (n,) or bool array of shape (N,), optional
        Positions to cluster; by default all. Repeated rows count once.
    embedding : {"pca", "tsne"} or None
        Layout in the plane, see `plane_embedding`.
    seed : int
        Seed of the estimator and the layout.

    Returns
    -------
    Clustering
        Clusters numbered by size, the same for the same seed.

    Raises
    ------
    ClusteringError
        If there is nothing to cluster: no positions, fewer than clusters, the
        same relevance at all of them, or relevance that is not finite.
    ValueError
        If the estimator, the feature or a row is unknown.
    """
    chosen = _chosen_rows(rows, len(store))
    features = _read_features(store, layer, chosen, target=target, feature=feature)
    model = make_estimator(estimator, n_clusters=n_clusters, seed=seed)
    _check_features(features, layer, n_clusters if isinstance(estimator, str) else 1)
    threads = 1 if isinstance(estimator, str) else None
    labels, sizes = _by_size(fit_labels(model, features, threads=threads))
    centers = cluster_centers(features, labels, len(sizes))
    layout = plane_embedding(features, kind=embedding, seed=seed) if embedding else None
    return Clustering(
        layer=layer,
        target=target if isinstance(target, str) else store.targets[target],
        feature=feature,
        method=_describe(model),
        seed=seed,
        rows=chosen,
        labels=labels,
        sizes=sizes,
        centers=centers,
        effects=marker_effects(features, labels, len(sizes)),
        distances=center_distances(features, labels, centers),
        games=np.asarray(store.positions.game[chosen], dtype=np.int32),
        embedding=layout,
        network=str(store.manifest.network.get("digest", "")),
        corpus=str(store.manifest.corpus.get("digest", "")),
    )


def _describe(model: Any) -> str:
    """Write an estimator with all of its parameters, on one line."""
    from sklearn import config_context

    with config_context(print_changed_only=False):
        return " ".join(repr(model).split())


def _chosen_rows(rows: ArrayLike | None, total: int) -> NDArray[np.int64]:
    if total == 0:
        msg = "the store holds no positions, expected at least two to cluster"
        raise ClusteringError(msg)
    if rows is None:
        return np.arange(total)
    given = np.asarray(rows)
    if given.dtype == bool:
        if given.shape != (total,):
            msg = f"rows is a mask of shape {given.shape}, expected ({total},)"
            raise ValueError(msg)
        return np.flatnonzero(given)
    chosen = np.unique(given.astype(np.int64))
    if len(chosen) and (chosen[0] < 0 or chosen[-1] >= total):
        wrong = chosen[0] if chosen[0] < 0 else chosen[-1]
        msg = f"row {wrong} is not in the store, expected 0 to {total - 1}"
        raise ValueError(msg)
    return chosen


def _read_features(
    store: Store,
    layer: str,
    rows: NDArray[np.int64],
    *,
    target: int | str,
    feature: str,
) -> NDArray[np.float32]:
    """Read relevance in blocks, so that only the features are held at once."""
    features = np.empty((len(rows), store.channels(layer)), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        relevance = store.relevance(layer, rows=rows[block], target=target)
        features[block] = relevance_features(relevance, kind=feature)
    return features


def _check_features(
    features: NDArray[np.float32], layer: str, n_clusters: int | None
) -> None:
    needed = max(2, n_clusters or 2)
    if len(features) < needed:
        msg = f"{len(features)} positions, expected at least {needed} to cluster"
        raise ClusteringError(msg)
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        msg = (
            f"relevance of layer {layer!r} is not finite at {(~finite).sum()} of "
            f"{len(features)} positions, expected numbers; leave them out with rows"
        )
        raise ClusteringError(msg)
    if (features == features[0]).all():
        msg = (
            f"layer {layer!r} has the same channel relevance at all {len(features)} "
            "positions, expected at least two different ones; choose another layer"
        )
        raise ClusteringError(msg)


def _by_size(
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Renumber by size; clusters of equal size keep the estimator's order."""
    names, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(-np.where(names < 0, -1, counts), kind="stable")
    order = order[: int((names >= 0).sum())]
    number = np.full(len(names), -1, dtype=np.int32)
    number[order] = np.arange(len(order))
    return number[inverse], counts[order].astype(np.int64)
