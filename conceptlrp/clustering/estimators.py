"""Estimators: which ones a name stands for, and how any of them is run.

Shapes use n positions and C features.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimator", "fit_labels", "make_estimator"]


class Estimator(Protocol):
    """What a clustering estimator must do: scikit-learn's own all do."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Learn the clusters of the rows of X."""


def make_estimator(
    estimator: str | Estimator, *, n_clusters: int | None, seed: int
) -> Any:
    """Make the estimator that a name stands for, or a seeded copy of a given one.

    Parameters
    ----------
    estimator : "spectral", "kmeans" or a scikit-learn estimator
        An estimator is cloned, and every ``random_state`` that is None gets
        the seed.
    n_clusters : int or None
        Number of clusters for the names; an estimator keeps its own.
    seed : int
        Seed of the estimator.

    Returns
    -------
    scikit-learn estimator
        Not fitted.

    Raises
    ------
    ValueError
        If the name is unknown, or k-means has no number of clusters.
    TypeError
        If the object is no estimator.
    """
    if not isinstance(estimator, str):
        return _seeded_clone(estimator, seed)
    if estimator == "spectral":
        from conceptlrp.clustering.landmarks import LandmarkSpectral

        return LandmarkSpectral(n_clusters, random_state=seed)
    if estimator != "kmeans":
        msg = (
            f"estimator {estimator!r} is not known, expected 'spectral', 'kmeans' or "
            "a scikit-learn estimator"
        )
        raise ValueError(msg)
    if n_clusters is None:
        msg = "n_clusters is None, expected a number; only 'spectral' can choose one"
        raise ValueError(msg)
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(n_clusters, batch_size=4096, n_init=10, random_state=seed)


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
    model: Any, features: NDArray[np.float32], *, threads: int | None = None
) -> NDArray[np.int64]:
    """Fit an estimator and return the cluster of each position.

    Parameters
    ----------
    model : scikit-learn estimator
        Has ``fit_predict``, or ``fit`` and then ``labels_`` or ``predict``.
    features : float32 array of shape (n, C)
        Features of the positions.
    threads : int or None
        Limit of OpenMP threads. One makes k-means exactly reproducible: several
        add up its means in the order in which they finish.

    Returns
    -------
    int64 array of shape (n,)
        The estimator's own numbers, negative for noise.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=threads, user_api="openmp"):
        if hasattr(model, "fit_predict"):
            return np.asarray(model.fit_predict(features), dtype=np.int64)
        model.fit(features)
        found = model.labels_ if hasattr(model, "labels_") else model.predict(features)
        return np.asarray(found, dtype=np.int64)
