"""Positions of a store, clustered by the relevance of its layers' channels.

Shapes use N positions in the store, n of them clustered, C channels and K
clusters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.clustering.blocks import (
    FeatureTable,
    StoreFeatures,
    feature_blocks,
    held_in_memory,
)
from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.embeddings import plane_embedding
from conceptlrp.clustering.estimators import Estimator, fit_labels, make_estimator
from conceptlrp.clustering.markers import (
    center_distances,
    cluster_centers,
    marker_effects,
)
from conceptlrp.errors import ClusteringError
from conceptlrp.store import Store

__all__ = ["cluster_positions", "position_features"]


def cluster_positions(
    store: Store,
    *,
    layer: str | Sequence[str],
    estimator: str | Estimator = "spectral",
    n_clusters: int | None = 12,
    target: int | str = 0,
    feature: str = "share",
    rows: ArrayLike | None = None,
    embedding: str | None = "pca",
    fit_rows: int = 100_000,
    seed: int = 0,
) -> Clustering:
    """Group positions on which the network uses the same channels.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str or sequence of str
        Layer whose channels are compared; the channels of several stand side by
        side, each layer scaled by itself.
    estimator : str or scikit-learn estimator
        "spectral", "kmeans", "hdbscan", "hierarchical" or "mixture", see
        `make_estimator`, or any estimator with ``fit_predict`` or ``labels_`` or
        ``predict``, pipelines included. An estimator is cloned, and every
        ``random_state`` that is None gets the seed.
    n_clusters : int or None
        Number of clusters for the names; None lets "spectral" choose by the
        eigengap. An estimator keeps its own. See also `choose_clusters`.
    target : int or str
        Explained output.
    feature : str
        How the relevance of a position is scaled, see `relevance_features`.
    rows : int array of shape (n,) or bool array of shape (N,), optional
        Positions to cluster; by default all. Repeated rows count once.
    embedding : {"pca", "tsne", "umap"} or None
        Layout in the plane, see `plane_embedding`.
    fit_rows : int
        Positions that the estimator is fitted on at most, a seeded sample; see
        `fit_labels`. Beyond it memory grows with n by labels and coordinates only.
    seed : int
        Seed of the estimator, the sample and the layout.

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
    table = position_features(
        store, layer=layer, target=target, feature=feature, rows=rows
    )
    features = held_in_memory(table)
    model = make_estimator(estimator, n_clusters=n_clusters, seed=seed)
    name = "+".join(table.layers)
    named = isinstance(estimator, str)
    _check_features(features, name, n_clusters if named else 1)
    found = fit_labels(
        model, features, fit_rows=fit_rows, seed=seed, threads=1 if named else None
    )
    labels, sizes = _by_size(found)
    centers = cluster_centers(features, labels, len(sizes))
    layout = plane_embedding(features, kind=embedding, seed=seed) if embedding else None
    return Clustering(
        layer=name,
        target=target if isinstance(target, str) else store.targets[target],
        feature=feature,
        method=_describe(model),
        seed=seed,
        rows=table.rows,
        labels=labels,
        sizes=sizes,
        centers=centers,
        effects=marker_effects(features, labels, len(sizes)),
        distances=center_distances(features, labels, centers),
        games=np.asarray(store.positions.game[table.rows], dtype=np.int32),
        embedding=layout,
        network=str(store.manifest.network.get("digest", "")),
        corpus=str(store.manifest.corpus.get("digest", "")),
    )


def position_features(
    store: Store,
    *,
    layer: str | Sequence[str],
    target: int | str = 0,
    feature: str = "share",
    rows: ArrayLike | None = None,
) -> StoreFeatures:
    """Make the table of features that `cluster_positions` compares.

    Returns: Read from the store whenever rows of it are asked for.
    """
    layers = (layer,) if isinstance(layer, str) else tuple(layer)
    if not layers:
        msg = "no layer is given, expected one or more to compare channels of"
        raise ClusteringError(msg)
    chosen = _chosen_rows(rows, len(store))
    return StoreFeatures(store, layers, target=target, feature=feature, rows=chosen)


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


def _check_features(features: FeatureTable, name: str, n_clusters: int | None) -> None:
    needed = max(2, n_clusters or 2)
    if len(features) < needed:
        msg = f"{len(features)} positions, expected at least {needed} to cluster"
        raise ClusteringError(msg)
    first, wrong, constant = features[slice(1)], 0, True
    for _, block in feature_blocks(features):
        wrong += int((~np.isfinite(block).all(axis=1)).sum())
        constant = constant and bool((block == first).all())
    if wrong:
        msg = (
            f"relevance of layer {name!r} is not finite at {wrong} of "
            f"{len(features)} positions, expected numbers; leave them out with rows"
        )
        raise ClusteringError(msg)
    if constant:
        msg = (
            f"layer {name!r} has the same channel relevance at all {len(features)} "
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
