"""Spectral clustering on landmarks: clusters of any shape, at any corpus size.

Shapes use n points, m landmarks, C features and K clusters. Spectral
clustering of all points needs their eigenvectors, which stops being feasible
near 20,000. Here a seeded sample of landmarks is clustered spectrally, and
every point goes to the nearest mean of a landmark cluster, block by block, so
that memory does not grow with n beyond the labels.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from conceptlrp.clustering.affinity import (
    bridge_components,
    laplacian_eigenvectors,
    neighbour_affinity,
)

__all__ = ["LandmarkSpectral"]

_BLOCK = 8192


class LandmarkSpectral(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Cluster a sample spectrally and extend the clusters to all points.

    The steps are those of spectral relevance analysis (SpRAy): a symmetric
    affinity of the nearest neighbours, the symmetric normalised Laplacian
    ``L = I - D^-1/2 A D^-1/2``, its first K eigenvectors with rows scaled to
    length one, k-means on those rows. Points then go to the nearest cluster
    mean in the original features, landmarks included, so that ``labels_`` and
    ``predict`` agree and equal points have equal labels.

    Attributes
    ----------
    labels_ : int32 array of shape (n,)
        Cluster of each point. A cluster can lose all its points to others
        when it surrounds them.
    cluster_centers_ : float array of shape (K, C)
        Mean of the landmarks of each cluster.
    landmark_indices_ : int64 array of shape (m,)
        Rows of the landmarks.
    eigenvalues_ : float array of shape (K,) or longer
        Smallest eigenvalues of the Laplacian, ascending.
    n_clusters_ : int
        Number of clusters, chosen or given; fewer when k-means finds fewer
        distinct rows.
    n_features_in_ : int
        Number of features C.

    References
    ----------
    Ng, Jordan and Weiss, NeurIPS 14 (2001); Lapuschkin et al., Nat. Commun. 10
    (2019), doi:10.1038/s41467-019-08987-4.

    Examples
    --------
    >>> points = [[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]]
    >>> LandmarkSpectral(n_clusters=2, n_neighbors=1).fit_predict(points).tolist()
    [0, 0, 1, 1]
    """

    def __init__(
        self,
        n_clusters: int | None = 12,
        *,
        n_landmarks: int = 2000,
        n_neighbors: int = 10,
        max_clusters: int = 30,
        random_state: Any = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_landmarks = n_landmarks
        self.n_neighbors = n_neighbors
        self.max_clusters = max_clusters
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Find the clusters of the points.

        Shapes: `X` (n, C). Returns: the fitted estimator itself.
        """
        from sklearn.utils import check_random_state
        from sklearn.utils.validation import validate_data
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        self._check_parameters()
        points = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        random = check_random_state(self.random_state)
        chosen = distinct_sample(points, self.n_landmarks, random)
        # Several OpenMP threads add up means in the order in which they finish;
        # one thread makes the labels the same in every run.
        with threadpool_limits(limits=1, user_api="openmp"):
            labels = _k_means(self._embed_landmarks(points[chosen], random), random)
        self.n_clusters_ = int(labels.max()) + 1
        self.landmark_indices_ = chosen
        self.cluster_centers_ = np.stack(
            [
                points[chosen[labels == cluster]].mean(axis=0)
                for cluster in range(self.n_clusters_)
            ]
        )
        self.labels_ = nearest_center(points, self.cluster_centers_)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:  # noqa: N803
        """Give each point the cluster with the nearest mean.

        Shapes: `X` (n, C). Returns (n,): clusters 0 to K - 1.
        """
        from sklearn.utils.validation import check_is_fitted, validate_data

        check_is_fitted(self)
        points = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return nearest_center(points, self.cluster_centers_)

    def _check_parameters(self) -> None:
        for name in ("n_clusters", "n_landmarks", "n_neighbors", "max_clusters"):
            value = getattr(self, name)
            lowest = 2 if name in ("n_landmarks", "max_clusters") else 1
            if value is not None and value < lowest:
                msg = f"{name} is {value}, expected at least {lowest}"
                raise ValueError(msg)

    def _embed_landmarks(
        self, landmarks: NDArray[np.floating[Any]], random: np.random.RandomState
    ) -> NDArray[np.float64]:
        needed = 2 if self.n_clusters is None else self.n_clusters
        if len(landmarks) < needed:
            msg = (
                f"{len(landmarks)} distinct landmarks (n_samples of n_landmarks="
                f"{self.n_landmarks}), expected at least n_clusters={needed}"
            )
            raise ValueError(msg)
        affinity = neighbour_affinity(landmarks, n_neighbors=self.n_neighbors)
        affinity = bridge_components(affinity, landmarks)
        count = min(self.n_clusters or self.max_clusters + 1, len(landmarks))
        self.eigenvalues_, vectors = laplacian_eigenvectors(affinity, count, random)
        return vectors[:, : self.n_clusters or eigengap(self.eigenvalues_)]


def distinct_sample(
    points: NDArray[Any], size: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Draw rows that differ from one another, without replacement.

    Shapes: `points` (n, C). Returns (m,): ascending rows, m <= size.
    """
    candidates = random.permutation(len(points))[: 4 * size]
    first = np.unique(points[candidates], axis=0, return_index=True)[1]
    chosen = candidates[np.sort(first)[:size]]
    return np.sort(chosen).astype(np.int64)


def eigengap(eigenvalues: NDArray[np.float64]) -> int:
    """Choose the number of clusters before the largest gap, at least two.

    Shapes: `eigenvalues` (L,). Returns: K, with ``eigenvalues[K] - eigenvalues[K - 1]``
    largest.

    Examples
    --------
    >>> eigengap(np.array([0.0, 0.01, 0.02, 0.7, 0.8]))
    3
    """
    gaps = np.diff(eigenvalues)[1:]
    return 2 if len(gaps) == 0 else int(gaps.argmax()) + 2


def nearest_center(points: NDArray[Any], centers: NDArray[Any]) -> NDArray[np.int32]:
    """Find the nearest centre of each point in bounded memory.

    Shapes: `points` (n, C), `centers` (K, C). Returns (n,): the lower index wins a tie.
    """
    targets = np.asarray(centers, dtype=np.float64)
    squared = np.square(targets).sum(axis=1)
    labels = np.empty(len(points), dtype=np.int32)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK].astype(np.float64)
        labels[start : start + _BLOCK] = (squared - 2 * block @ targets.T).argmin(1)
    return labels


def _k_means(
    vectors: NDArray[np.float64], random: np.random.RandomState
) -> NDArray[np.intp]:
    """Cluster the rows of K eigenvectors, each row scaled to length one."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = vectors / np.where(length > 0, length, 1)
    means = KMeans(rows.shape[1], n_init=10, random_state=random)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = means.fit_predict(rows)
    return np.unique(labels, return_inverse=True)[1]
