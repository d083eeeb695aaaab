"""Clusters found on landmarks and extended to all points, at any corpus size.

Shapes use n points, m landmarks, C features and K clusters. Eigenvectors, hierarchies
and density clusters need all pairs of points, which stops being feasible near 20,000.
Here a seeded sample of landmarks is clustered, and every point goes where the landmarks
near it are, block by block, so that memory grows with n by labels only. A neighbour
graph needs landmarks that differ; a vector found at many points weighs as many. One in
several pieces has no unique eigenvectors, so the pieces are joined first; the joints
are weak, weaker for far pieces, so that they are still cut first.
"""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from conceptlrp.clustering.features import feature_blocks
from conceptlrp.errors import check_least

# Below this size LAPACK is as quick as Lanczos iterations, and never stalls.
_DENSE = 100
# Landmarks of many copies are joined to others up to so many usual distances.
_FAR = 3.0
# Points whose features differ by less, as a part of the largest, are copies.
_SAME = 1e-6
# Distances to all landmarks are held for so many points.
_NEAR_BLOCK = 2048


def neighbour_affinity(
    landmarks: NDArray[Any], counts: NDArray[np.int64], *, n_neighbors: int
) -> Any:
    """Join each landmark to its nearest neighbours, as a sparse matrix (m, m).

    It is 1 where two landmarks are neighbours of each other, 0.5 where only one is the
    other's. A landmark found at more points than it has neighbours is a crowd of its
    own: it is joined to itself, and to others only where they are at most `_FAR` times
    as far as the last of the nearest points mostly is.
    """
    from scipy.sparse import csr_array, diags_array  # type: ignore[import-untyped]
    from sklearn.neighbors import NearestNeighbors

    count = min(n_neighbors, len(landmarks) - 1)
    crowd = counts > n_neighbors
    own = csr_array(diags_array(n_neighbors * crowd.astype(float)))
    if count == 0:
        return own
    length, near = NearestNeighbors(n_neighbors=count).fit(landmarks).kneighbors()
    last = np.where(crowd, 0, length[:, -1])
    usual = np.median(np.repeat(last, counts))
    # The nearest crowd has all the points that are left to be neighbours.
    first = np.cumsum(crowd[near], axis=1) - crowd[near] == 0
    joined = np.where(crowd[:, None], length <= _FAR * usual, first)
    rows = np.broadcast_to(np.arange(len(landmarks))[:, None], near.shape)
    ones = np.ones(int(joined.sum()))
    graph = csr_array((ones, (rows[joined], near[joined])), shape=own.shape)
    return csr_array((graph + graph.T) / 2 + own)


def bridge_components(affinity: Any, landmarks: NDArray[Any]) -> Any:
    """Join the pieces of a graph at their closest pairs until it is one piece.

    Each piece is joined to the landmark outside it that is nearest, and again,
    until one is left (Boruvka's spanning tree over the pieces). A joint of
    length d has the weight ``0.5 min(1, s / d)``, where s is the median length
    of the graph's own edges.
    """
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

    # A Laplacian has an eigenvalue of zero for every piece, and no unique vectors then.
    graph = affinity.tolil()
    scale = _median_edge(affinity, landmarks)
    count, pieces = connected_components(affinity, directed=False)
    while count > 1:
        for piece in range(count):
            left, right, length = _shortest_joint(landmarks, pieces == piece)
            weight = 0.5 * min(1.0, scale / length) if length > 0 else 0.5
            graph[left, right] = graph[right, left] = weight
        count, pieces = connected_components(graph, directed=False)
    return graph.tocsr()


def laplacian_eigenvectors(
    affinity: Any, count: int, random: np.random.RandomState
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the smallest eigenvalues of the symmetric normalised Laplacian.

    They ascend from 0; the eigenvectors are columns (m, count), the entry of largest
    magnitude being positive.
    """
    from scipy.sparse import diags_array

    degree = np.asarray(affinity.sum(axis=1), dtype=np.float64).ravel()
    scale = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    # The largest eigenvalues of D^-1/2 A D^-1/2 are the smallest of L = I - it.
    values, vectors = _largest(scale @ affinity @ scale, count, random)
    order = np.argsort(-values, kind="stable")
    vectors = vectors[:, order]
    peak = np.abs(vectors).argmax(axis=0)
    sign = np.sign(vectors[peak, np.arange(count)])
    # Rounding can put the first eigenvalue below its zero.
    return np.maximum(1 - values[order], 0.0), vectors * sign


def _largest(
    matrix: Any, count: int, random: np.random.RandomState
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.linalg import eigh  # type: ignore[import-untyped]
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh  # type: ignore[import-untyped]

    size = matrix.shape[0]
    start = random.uniform(-1, 1, size)
    if size > max(_DENSE, 5 * count + 20):
        try:
            found = eigsh(matrix, k=count, which="LA", v0=start, ncv=4 * count + 20)
        except ArpackNoConvergence:
            pass
        else:
            return found[0], found[1]
    found = eigh(matrix.toarray(), subset_by_index=[size - count, size - 1])
    return found[0], found[1]


def _median_edge(affinity: Any, landmarks: NDArray[Any]) -> float:
    left, right = affinity.nonzero()
    joined = left != right
    if not joined.any():
        return 1.0
    step = landmarks[left[joined]].astype(np.float64) - landmarks[right[joined]]
    return float(np.median(np.linalg.norm(step, axis=1)))


def _shortest_joint(
    landmarks: NDArray[Any], inside: NDArray[np.bool_]
) -> tuple[int, int, float]:
    from sklearn.metrics import pairwise_distances_argmin_min

    members, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    nearest, length = pairwise_distances_argmin_min(
        landmarks[members], landmarks[others]
    )
    best = int(length.argmin())
    return int(members[best]), int(others[nearest[best]]), float(length[best])


class _Landmarks(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """What both estimators do: draw landmarks, cluster them, assign all points."""

    _least: dict[str, int]

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Find the clusters of the points (n, C)."""
        self._check_parameters()
        points = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_samples=2
        )
        random = check_random_state(self.random_state)
        self.landmark_indices_, counts = self._drawn(points, random)
        landmarks = np.asarray(points[self.landmark_indices_])
        labels = self._cluster(landmarks, counts, random)
        members = [labels == each for each in range(int(labels.max(initial=-1)) + 1)]
        self.cluster_centers_ = np.array(
            [np.average(landmarks[m], axis=0, weights=counts[m]) for m in members],
            dtype=points.dtype,
        ).reshape(-1, points.shape[1])
        self.labels_ = self._assigned(points)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:  # noqa: N803
        """Give each point (n, C) a cluster 0 to K - 1, or -1 for noise."""
        check_is_fitted(self)
        points = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._assigned(points)

    def _check_parameters(self) -> None:
        for name, lowest in self._least.items():
            value = getattr(self, name)
            check_least(name, lowest if value is None else value, lowest)

    def _drawn(
        self, points: NDArray[Any], random: np.random.RandomState
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw landmarks (m,) as they come, repeated ones repeated; each counts 1."""
        chosen = np.sort(random.permutation(len(points))[: self.n_landmarks])
        return chosen, np.ones(len(chosen), np.int64)

    def _cluster(
        self,
        landmarks: NDArray[Any],
        counts: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> NDArray[np.int32]:
        raise NotImplementedError

    def _assigned(self, points: NDArray[Any]) -> NDArray[np.int32]:
        return nearest_center(points, self.cluster_centers_)


class LandmarkSpectral(_Landmarks):
    """Cluster a sample spectrally and extend the clusters to all points.

    The steps are those of spectral relevance analysis (SpRAy): a symmetric
    affinity of the nearest neighbours, the symmetric normalised Laplacian
    ``L = I - D^-1/2 A D^-1/2``, its first K eigenvectors with rows scaled to
    length one, k-means on those rows. Points then go to the nearest cluster
    mean in the original features, landmarks included, so that ``labels_`` and
    ``predict`` agree and equal points have equal labels.

    Fitted: ``labels_`` (n,), ``cluster_centers_`` (K, C), ``landmark_indices_`` (m,),
    the smallest ``eigenvalues_`` of the Laplacian, ascending, and ``n_clusters_``,
    fewer than asked for when k-means finds fewer distinct rows.

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

    _least = {"n_clusters": 1, "n_landmarks": 2, "n_neighbors": 1, "max_clusters": 2}  # noqa: RUF012

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

    def _drawn(
        self, points: NDArray[Any], random: np.random.RandomState
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return distinct_sample(points, self.n_landmarks, random)

    def _cluster(
        self,
        landmarks: NDArray[Any],
        counts: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> NDArray[np.int32]:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        # Several OpenMP threads add up means in the order in which they finish;
        # one thread makes the labels the same in every run.
        with threadpool_limits(limits=1, user_api="openmp"):
            labels = self._cut(landmarks, counts, random)
        self.n_clusters_ = int(labels.max()) + 1
        return labels

    def _cut(
        self,
        landmarks: NDArray[Any],
        counts: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> NDArray[np.int32]:
        """Cluster the rows of the first K eigenvectors, each scaled to length one.

        A graph in more pieces than clusters is cut for nothing between any of them, so
        pieces are then joined by their means (Ward), not by weak joints.
        """
        from scipy.sparse.csgraph import connected_components

        affinity = neighbour_affinity(landmarks, counts, n_neighbors=self.n_neighbors)
        pieces, piece = connected_components(affinity, directed=False)
        joined = bridge_components(affinity, landmarks)
        count = min(self.n_clusters or self.max_clusters + 1, len(landmarks))
        values, vectors = laplacian_eigenvectors(joined, count, random)
        self.eigenvalues_ = values
        if self.n_clusters and pieces > self.n_clusters:
            return _joined_pieces(landmarks, counts, piece, self.n_clusters)
        # Where all of them are known, the copies have the others, which are near 1.
        if count == len(landmarks):
            values = np.append(values, 1.0)
        vectors = vectors[:, : self.n_clusters or min(eigengap(values), count)]
        return _k_means(vectors, counts, random)


class LandmarkClustering(_Landmarks):
    """Cluster a sample by a given estimator and assign all other points.

    A point goes to the nearest mean of a cluster (``assign="center"``), or to the
    cluster of the nearest landmark if that is no further than `reach` neighbours of
    the cluster are from each other, and else to the noise (``assign="landmark"``).

    Fitted: ``labels_`` (n,), ``landmark_indices_`` and ``landmark_labels_`` (m,),
    ``cluster_centers_`` (K, C) and ``estimator_``, the copy that clustered.
    """

    _least = {"n_landmarks": 2, "reach": 1}  # noqa: RUF012

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

    def _check_parameters(self) -> None:
        if self.assign not in ("center", "landmark"):
            msg = f"assign is {self.assign!r}, expected 'center' or 'landmark'"
            raise ValueError(msg)
        super()._check_parameters()

    def _cluster(
        self,
        landmarks: NDArray[Any],
        counts: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> NDArray[np.int32]:
        del counts, random
        self._landmarks = landmarks
        self.estimator_ = clone(self.estimator)
        found = np.asarray(self.estimator_.fit_predict(landmarks))
        names = np.unique(found[found >= 0])
        places = np.searchsorted(names, found)
        self.landmark_labels_ = np.where(found >= 0, places, -1).astype(np.int32)
        self._widths = np.array(
            [
                _width(landmarks[self.landmark_labels_ == k], self.reach)
                for k in range(len(names))
            ]
        )
        return self.landmark_labels_

    def _assigned(self, points: NDArray[Any]) -> NDArray[np.int32]:
        if len(self.cluster_centers_) == 0:
            return np.full(len(points), -1, dtype=np.int32)
        if self.assign == "center":
            return super()._assigned(points)
        labels = np.empty(len(points), dtype=np.int32)
        for start in range(0, len(points), _NEAR_BLOCK):
            rows = slice(start, start + _NEAR_BLOCK)
            labels[rows] = self._near(points[rows])
        return labels

    def _near(self, points: NDArray[Any]) -> NDArray[np.int32]:
        from sklearn.metrics import pairwise_distances_argmin_min

        nearest, length = pairwise_distances_argmin_min(points, self._landmarks)
        labels = self.landmark_labels_[nearest]
        # Noise, label -1, has no width; any distance to it is noise as well.
        limit = np.append(self._widths, np.inf)[labels]
        return np.where(length <= limit * (1 + 1e-6), labels, -1).astype(np.int32)


def distinct_sample(
    points: NDArray[Any], size: int, random: np.random.RandomState
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw points until `size` of them differ, from four times as many at most.

    Returns the rows of those that differ, ascending, and how often each was drawn.
    """
    # Equal points would be neighbours of each other only, pieces of their own.
    candidates = random.permutation(len(points))[: 4 * size]
    drawn = points[candidates]
    step = _SAME * float(np.abs(drawn).max(initial=0)) or 1.0
    _, first, which = np.unique(
        np.round(drawn / step), axis=0, return_index=True, return_inverse=True
    )
    stop = len(drawn) if len(first) <= size else np.sort(first)[size]
    counts = np.bincount(which.ravel()[:stop], minlength=len(first))
    rows = candidates[first]
    order = np.argsort(np.where(first < stop, rows, len(points)))[:size]
    return rows[order].astype(np.int64), counts[order].astype(np.int64)


def eigengap(eigenvalues: NDArray[np.float64]) -> int:
    """Choose K >= 2 with ``eigenvalues[K] - eigenvalues[K - 1]`` largest.

    >>> eigengap(np.array([0.0, 0.01, 0.02, 0.7, 0.8]))
    3
    """
    gaps = np.diff(eigenvalues)[1:]
    return 2 if len(gaps) == 0 else int(gaps.argmax()) + 2


def nearest_center(points: NDArray[Any], centers: NDArray[Any]) -> NDArray[np.int32]:
    """Find the nearest of K centres of each point; the lower one wins a tie."""
    targets = np.asarray(centers, dtype=np.float64)
    # |p - c|^2 = |p|^2 - 2 p c + |c|^2, and |p|^2 does not tell centres apart.
    squared = np.square(targets).sum(axis=1)
    labels = np.empty(len(points), dtype=np.int32)
    for rows, block in feature_blocks(points):
        near = squared - 2 * block.astype(np.float64) @ targets.T
        labels[rows] = near.argmin(axis=1)
    return labels


def _joined_pieces(
    landmarks: NDArray[Any],
    counts: NDArray[np.int64],
    piece: NDArray[Any],
    n_clusters: int,
) -> NDArray[np.int32]:
    """Put the pieces of a graph, given for each landmark, into fewer clusters."""
    from scipy.cluster.hierarchy import fcluster, ward  # type: ignore[import-untyped]

    total = np.zeros((int(piece.max()) + 1, landmarks.shape[1]))
    np.add.at(total, piece, landmarks * counts[:, None])
    tree = ward(total / np.bincount(piece, counts)[:, None])
    found = fcluster(tree, n_clusters, criterion="maxclust")[piece]
    return np.unique(found, return_inverse=True)[1].astype(np.int32)


def _k_means(
    vectors: NDArray[np.float64],
    counts: NDArray[np.int64],
    random: np.random.RandomState,
) -> NDArray[np.int32]:
    """Cluster the rows of K eigenvectors, each as many as the points it stands for."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = vectors / np.where(length > 0, length, 1)
    means = KMeans(rows.shape[1], n_init=10, random_state=random)
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: fewer clusters are reported.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = means.fit_predict(rows, sample_weight=counts)
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def _width(members: NDArray[Any], reach: int) -> float:
    """Largest distance from a member to its neighbour of a rank among the others."""
    from sklearn.neighbors import NearestNeighbors

    rank = min(reach, len(members) - 1)
    if rank == 0:
        return 0.0
    found = NearestNeighbors(n_neighbors=rank).fit(members).kneighbors()
    return float(found[0][:, -1].max())
