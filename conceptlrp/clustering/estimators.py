"""Estimators: which ones a name stands for, and how any of them is run.

Shapes use n positions and C features.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import FeatureTable, feature_blocks, sample_rows

#: Names of estimators, and what they stand for; see `make_estimator`.
ESTIMATORS = ("spectral", "kmeans", "hdbscan", "hierarchical", "mixture")


class Estimator(Protocol):
    """What a clustering estimator must do: scikit-learn's own all do."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Learn the clusters of the rows of X."""


def make_estimator(
    estimator: str | Estimator, *, n_clusters: int | None, seed: int
) -> Any:
    """Make the estimator that a name stands for, or a seeded copy of a given one.

    ============== ==========================================================
    spectral       `LandmarkSpectral`
    kmeans         `sklearn.cluster.MiniBatchKMeans`
    hdbscan        `sklearn.cluster.HDBSCAN` on 5,000 landmarks, clusters of
                   50 of them or more, the others noise
    hierarchical   `sklearn.cluster.AgglomerativeClustering` (Ward) on 5,000
                   landmarks, each other position to the nearest mean
    mixture        `sklearn.mixture.GaussianMixture`, diagonal covariances
    ============== ==========================================================
    """
    if not isinstance(estimator, str):
        return _seeded_clone(estimator, seed)
    if estimator not in ESTIMATORS:
        known = ", ".join(ESTIMATORS)
        msg = (
            f"estimator {estimator!r} is not known, expected one of {known}, or a "
            "scikit-learn estimator"
        )
        raise ValueError(msg)
    if estimator == "spectral":
        from conceptlrp.clustering.landmarks import LandmarkSpectral

        return LandmarkSpectral(n_clusters, random_state=seed)
    if estimator == "hdbscan":
        from sklearn.cluster import HDBSCAN

        from conceptlrp.clustering.landmarks import LandmarkClustering

        # "brute" holds the distances of the landmarks, 200 MB, and is six times as
        # quick as a tree in as many dimensions as there are channels.
        density = HDBSCAN(
            min_cluster_size=50, min_samples=5, algorithm="brute", copy=True
        )
        return LandmarkClustering(density, assign="landmark", random_state=seed)
    if n_clusters is None:
        msg = (
            f"n_clusters is None, expected a number for {estimator!r}; only 'spectral' "
            "and 'hdbscan' can choose one"
        )
        raise ValueError(msg)
    return _with_clusters(estimator, n_clusters, seed)


def _with_clusters(name: str, n_clusters: int, seed: int) -> Any:
    if name == "kmeans":
        from sklearn.cluster import MiniBatchKMeans

        return MiniBatchKMeans(
            n_clusters, batch_size=4096, n_init=10, random_state=seed
        )
    if name == "mixture":
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)
    from sklearn.cluster import AgglomerativeClustering

    from conceptlrp.clustering.landmarks import LandmarkClustering

    return LandmarkClustering(AgglomerativeClustering(n_clusters), random_state=seed)


def _seeded_clone(estimator: Estimator, seed: int) -> Any:
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        kind = type(estimator).__name__
        msg = f"estimator is a {kind}, expected a scikit-learn estimator"
        raise TypeError(msg)
    from sklearn.base import clone

    model = clone(estimator)
    unseeded = [
        name
        for name, value in model.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    ]
    return model.set_params(**dict.fromkeys(unseeded, seed)) if unseeded else model


def fit_labels(
    model: Any,
    features: FeatureTable,
    *,
    fit_rows: int,
    seed: int = 0,
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Fit an estimator and return its cluster of each position, negative for noise.

    Of more than `fit_rows` positions a seeded sample is fitted; the others, block
    by block, get the cluster that the estimator predicts, or that with the nearest
    mean where it predicts none.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    chosen = sample_rows(len(features), fit_rows, seed)
    with threadpool_limits(limits=threads, user_api="openmp"):
        sample = features[chosen]
        found = _fit(model, sample)
        if len(chosen) == len(features):
            return found
        return _extend(model, sample, found, features)


def label_from_sample(
    model: Any, sample: NDArray[np.float32], features: FeatureTable
) -> NDArray[np.int64]:
    """Fit a copy of an estimator on some positions (m, C) and label others (n, C)."""
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits

    fitted = clone(model)
    with threadpool_limits(limits=1, user_api="openmp"):
        return _extend(fitted, sample, _fit(fitted, sample), features)


def _fit(model: Any, sample: NDArray[np.float32]) -> NDArray[np.int64]:
    if hasattr(model, "fit_predict"):
        return np.asarray(model.fit_predict(sample), dtype=np.int64)
    model.fit(sample)
    found = model.labels_ if hasattr(model, "labels_") else model.predict(sample)
    return np.asarray(found, dtype=np.int64)


def _extend(
    model: Any,
    sample: NDArray[np.float32],
    found: NDArray[np.int64],
    features: FeatureTable,
) -> NDArray[np.int64]:
    """Label all positions by an estimator that was fitted on a sample."""
    labels = np.empty(len(features), dtype=np.int64)
    predict = getattr(model, "predict", None) or _nearest_mean(sample, found)
    for rows, block in feature_blocks(features):
        labels[rows] = predict(block)
    return labels


def _nearest_mean(sample: NDArray[np.float32], found: NDArray[np.int64]) -> Any:
    from conceptlrp.clustering.landmarks import nearest_center

    names = np.unique(found[found >= 0])
    if len(names) == 0:
        return lambda block: np.full(len(block), -1)
    means = np.stack([sample[found == name].mean(axis=0) for name in names])
    return lambda block: names[nearest_center(block, means)]


def numbered_by_size(
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Renumber by size; clusters of equal size keep the estimator's order."""
    names, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(-np.where(names < 0, -1, counts), kind="stable")
    order = order[: int((names >= 0).sum())]
    number = np.full(len(names), -1, dtype=np.int32)
    number[order] = np.arange(len(order))
    return number[inverse], counts[order].astype(np.int64)
