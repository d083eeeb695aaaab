"""Any clustering of a sample, extended to all points.

Shapes use n points, m landmarks, C features and K clusters. Hierarchies and
density clusters need all pairs of points, which stops being feasible near 20,000.
Here a seeded sample is clustered, and every point goes where its neighbours in the
sample are, block by block.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, clone

from conceptlrp.clustering.landmarks import distinct_sample, nearest_center

__all__ = ["LandmarkClustering"]

_BLOCK = 2048


class LandmarkClustering(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Cluster a sample by a given estimator and assign all other points.

    Attributes
    ----------
    labels_ : int32 array of shape (n,)
        Cluster of each point, -1 for noise.
    landmark_indices_ : int64 array of shape (m,)
        Rows of the landmarks.
    landmark_labels_ : int32 array of shape (m,)
        Their clusters.
    cluster_centers_ : float array of shape (K, C)
        Mean of the landmarks of each cluster.
    estimator_ : scikit-learn estimator
        The copy that clustered the landmarks.
    n_features_in_ : int
        Number of features C.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        n_landmarks: int = 5000,
        assign: str = "center",
        reach: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.estimator = estimator
        self.n_landmarks = n_landmarks
        self.assign = assign
        self.reach = reach
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Find the clusters of the points.

        Shapes: `X` (n, C). Returns: the fitted estimator itself.
        """
        from sklearn.utils import check_random_state
        from sklearn.utils.validation import validate_data

        self._check_parameters()
        points = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        random = check_random_state(self.random_state)
        self.landmark_indices_ = distinct_sample(points, self.n_landmarks, random)
        self._landmarks = np.asarray(points[self.landmark_indices_])
        self.estimator_ = clone(self.estimator)
        labels = np.asarray(self.estimator_.fit_predict(self._landmarks))
        self.landmark_labels_ = _numbered(labels)
        clusters = range(int(self.landmark_labels_.max(initial=-1)) + 1)
        members = [self._landmarks[self.landmark_labels_ == k] for k in clusters]
        self.cluster_centers_ = np.array(
            [each.mean(axis=0) for each in members], dtype=points.dtype
        ).reshape(-1, points.shape[1])
        self._widths = np.array([_width(each, self.reach) for each in members])
        self.labels_ = self._assigned(points)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:  # noqa: N803
        """Give each point a cluster, or none.

        Shapes: `X` (n, C). Returns (n,): clusters 0 to K - 1, -1 for noise.
        """
        from sklearn.utils.validation import check_is_fitted, validate_data

        check_is_fitted(self)
        points = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._assigned(points)

    def _check_parameters(self) -> None:
        if self.assign not in ("center", "landmark"):
            msg = f"assign is {self.assign!r}, expected 'center' or 'landmark'"
            raise ValueError(msg)
        for name, lowest in (("n_landmarks", 2), ("reach", 1)):
            if getattr(self, name) < lowest:
                msg = f"{name} is {getattr(self, name)}, expected at least {lowest}"
                raise ValueError(msg)

    def _assigned(self, points: NDArray[Any]) -> NDArray[np.int32]:
        if len(self.cluster_centers_) == 0:
            return np.full(len(points), -1, dtype=np.int32)
        if self.assign == "center":
            return nearest_center(points, self.cluster_centers_)
        labels = np.empty(len(points), dtype=np.int32)
        for start in range(0, len(points), _BLOCK):
            labels[start : start + _BLOCK] = self._near(points[start : start + _BLOCK])
        return labels

    def _near(self, points: NDArray[Any]) -> NDArray[np.int32]:
        from sklearn.metrics import pairwise_distances_argmin_min

        nearest, length = pairwise_distances_argmin_min(points, self._landmarks)
        labels = self.landmark_labels_[nearest]
        # Noise, label -1, has no width; any distance to it is noise as well.
        limit = np.append(self._widths, np.inf)[labels]
        return np.where(length <= limit * (1 + 1e-6), labels, -1).astype(np.int32)


def _numbered(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Give clusters the numbers from 0 on, and all noise the number -1."""
    names = np.unique(labels[labels >= 0])
    places = np.searchsorted(names, labels)
    return np.where(labels >= 0, places, -1).astype(np.int32)


def _width(members: NDArray[Any], reach: int) -> float:
    """Largest distance from a member to its neighbour of a rank among the others."""
    from sklearn.neighbors import NearestNeighbors

    rank = min(reach, len(members) - 1)
    if rank == 0:
        return 0.0
    found = NearestNeighbors(n_neighbors=rank).fit(members).kneighbors()
    return float(found[0][:, -1].max())
