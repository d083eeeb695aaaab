"""Positions of a store, clustered by the relevance of its layers' channels.

Shapes use N positions in the store, n of them clustered, C channels and K
clusters. Layouts in the plane are pictures only: distances in them are distorted, and
no cluster is ever computed from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.clustering.channels import feature_moments
from conceptlrp.clustering.clustering import (
    Clustering,
    center_distances,
    cluster_centers,
    marker_effects,
)
from conceptlrp.clustering.estimators import (
    Estimator,
    cluster_stability,
    fit_labels,
    make_estimator,
)
from conceptlrp.clustering.features import (
    FeatureTable,
    feature_blocks,
    held_in_memory,
    numbered_by_size,
    position_features,
    sample_rows,
)
from conceptlrp.errors import ClusteringError, SameRelevanceError, check_known
from conceptlrp.othello.twins import position_keys
from conceptlrp.progress import OnProgress
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore

#: Layouts of positions in the plane.
EMBEDDINGS = ("pca", "tsne", "umap")

# t-SNE needs 20 s for 10,000 points on two cores; beyond this a sample is laid
# out and the others are placed among their neighbours in it.
_SAMPLE = 5000
_FEWEST = 4


def plane_embedding(
    features: FeatureTable, *, kind: str = "pca", seed: int = 0
) -> NDArray[np.float32]:
    """Lay positions (n, C) out in the plane (n, 2); a missing component is zero."""
    check_known("embedding", kind, EMBEDDINGS)
    if kind == "pca" or len(features) < _FEWEST:
        return _principal_components(features)
    chosen = sample_rows(len(features), _SAMPLE, seed)
    sample = np.asarray(features[chosen])
    layout = _fit_tsne(sample, seed) if kind == "tsne" else _fit_umap(sample, seed)
    if len(chosen) == len(features):
        return layout
    placed = _place(features, sample, layout)
    placed[chosen] = layout
    return placed


def _principal_components(features: FeatureTable) -> NDArray[np.float32]:
    moments = feature_moments(features)
    axes = moments.principal_axes(2)
    layout = np.zeros((len(features), 2), dtype=np.float32)
    for rows, block in feature_blocks(features):
        layout[rows, : len(axes)] = (block - moments.mean) @ axes.T
    return layout


def _fit_tsne(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    perplexity = min(30.0, (len(features) - 1) / 3)
    # t-SNE adds forces up in the order in which threads finish.
    with threadpool_limits(limits=1, user_api="openmp"):
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        layout: NDArray[Any] = tsne.fit_transform(features)
    return layout.astype(np.float32)


def _fit_umap(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    try:
        from umap import UMAP
    except ImportError as error:
        msg = "embedding 'umap' needs umap-learn; pip install 'conceptlrp[umap]'"
        raise ClusteringError(msg) from error
    neighbors = min(15, len(features) - 1)
    # A seed makes UMAP run on one thread, which it warns of unless that is asked for.
    model = UMAP(n_neighbors=neighbors, init="pca", random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(features), dtype=np.float32)


def _place(
    features: FeatureTable, sample: NDArray[np.float32], layout: NDArray[np.float32]
) -> NDArray[np.float32]:
    from sklearn.neighbors import KNeighborsRegressor

    neighbours = KNeighborsRegressor(5, weights="distance").fit(sample, layout)
    placed = np.empty((len(features), 2), dtype=np.float32)
    for rows, block in feature_blocks(features):
        placed[rows] = neighbours.predict(block)
    return placed


@dataclass(frozen=True)
class ClusterOptions:
    """What is compared, on which positions, and how it is laid out.

    Attributes
    ----------
    feature : str
        How the relevance of a position is scaled: "share", "raw" or "l2", or
        "absolute-" before one of them.
    rows : int array of shape (n,) or bool array of shape (N,), optional
        Positions to cluster; by default all. Repeated rows count once.
    embedding : {"pca", "tsne", "umap"} or None
        Layout in the plane.
    fit_rows : int
        Positions that the estimator is fitted on at most, a seeded sample. Beyond it
        memory grows with n by labels and coordinates only.
    repeats : int
        Times that games are drawn again to measure the stability.
    """

    feature: str = "share"
    rows: ArrayLike | None = None
    embedding: str | None = "pca"
    fit_rows: int = 100_000
    repeats: int = 20


def cluster(
    store: AnyStore,
    layer: str | Sequence[str],
    *,
    target: int | str = 0,
    n_clusters: int | None = 12,
    estimator: str | Estimator = "spectral",
    options: ClusterOptions | None = None,
    stability: bool = False,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Clustering:
    """Group positions on which the network uses the same channels.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus.
    layer : str or sequence of str
        Layer whose channels are compared; the channels of several stand side by
        side, each layer scaled by itself.
    target : int or str
        Explained output.
    n_clusters : int or None
        Number of clusters for the names; None lets "spectral" choose by the
        eigengap. An estimator keeps its own.
    estimator : str or scikit-learn estimator
        One of `ESTIMATORS`, or any estimator with ``fit_predict`` or ``labels_`` or
        ``predict``, pipelines included. It is cloned, and every ``random_state`` that
        is None gets the seed.
    options : ClusterOptions, optional
        What is compared, on which positions, and how it is laid out.
    stability : bool
        Measure how stable the clusters are when games are drawn again.
    seed : int
        Seed of the estimator, the sample, the layout and the games drawn again.
    save, overwrite : bool
        Save the clustering in the store, and replace the one of this layer and target,
        which otherwise raises `OutputExistsError`.
    on_progress : callable, optional
        Called with the stage, what is done and the total.

    Returns
    -------
    Clustering
        Clusters numbered by size, the same for the same seed. Fewer positions than
        clusters, the same relevance at all of them, and relevance that is not finite
        raise `ClusteringError`.
    """
    store = open_store(store)
    chosen = options or ClusterOptions()
    table = position_features(
        store, layer, target=target, feature=chosen.feature, rows=chosen.rows
    )
    name = "+".join(table.layers)
    if save:
        store.results.check_free(
            Clustering, target=target, layer=name, overwrite=overwrite
        )
    steps = 3 + stability
    told = partial(on_progress or (lambda *_: None), f"cluster {name}")
    told(0, steps)
    features = held_in_memory(table)
    model = make_estimator(estimator, n_clusters=n_clusters, seed=seed)
    named = isinstance(estimator, str)
    _check_features(features, name, n_clusters if named else 1)
    threads, fit_rows = 1 if named else None, chosen.fit_rows
    fitted = fit_labels(model, features, fit_rows=fit_rows, seed=seed, threads=threads)
    labels, sizes = numbered_by_size(fitted)
    told(1, steps)
    centers = cluster_centers(features, labels, len(sizes))
    kind = chosen.embedding
    layout = plane_embedding(features, kind=kind, seed=seed) if kind else None
    told(2, steps)
    all_rows = len(table.rows) == len(store)
    corpus = store.positions if all_rows else store.positions[table.rows]
    measured, games = None, position_keys(corpus).astype(np.int32)
    if stability:
        measured = cluster_stability(
            model, features, games, labels=labels, repeats=chosen.repeats, seed=seed
        )
        told(3, steps)
    found = Clustering(
        layer=name,
        target=target if isinstance(target, str) else store.targets[target],
        feature=chosen.feature,
        method=_describe(model),
        seed=seed,
        rows=table.rows,
        labels=labels,
        sizes=sizes,
        centers=centers,
        effects=marker_effects(features, labels, len(sizes)),
        distances=center_distances(features, labels, centers),
        games=games,
        embedding=layout,
        network=str(store.manifest.network.get("digest", "")),
        corpus=str(store.manifest.corpus.get("digest", "")),
        stability=measured,
    )
    if save:
        store.results.save(found, overwrite=overwrite)
    told(steps, steps)
    return found


def _describe(model: Any) -> str:
    """Write an estimator with all of its parameters, on one line."""
    from sklearn import config_context

    with config_context(print_changed_only=False):
        return " ".join(repr(model).split())


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
        raise SameRelevanceError(msg)
