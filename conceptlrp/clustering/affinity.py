"""The neighbour graph of landmarks and the eigenvectors of its Laplacian.

Shapes use m landmarks and C features. A graph in several pieces has no unique
eigenvectors, so the pieces are joined first; the joints are weak and far
pieces are joined more weakly, so that they are still cut first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bridge_components", "laplacian_eigenvectors", "neighbour_affinity"]

# Below this size LAPACK is as quick as Lanczos iterations, and never stalls.
_DENSE = 100


def neighbour_affinity(landmarks: NDArray[Any], *, n_neighbors: int) -> Any:
    """Join each landmark to its nearest neighbours, as a sparse matrix (m, m).

    It is 1 where two landmarks are neighbours of each other, 0.5 where only one is the
    other's, 0 elsewhere and on the diagonal.
    """
    from scipy.sparse import csr_array  # type: ignore[import-untyped]
    from sklearn.neighbors import NearestNeighbors

    count = min(n_neighbors, len(landmarks) - 1)
    if count == 0:
        return csr_array((len(landmarks), len(landmarks)))
    graph = NearestNeighbors(n_neighbors=count).fit(landmarks).kneighbors_graph()
    return ((graph + graph.T) / 2).tocsr()


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
    if len(left) == 0:
        return 1.0
    step = landmarks[left].astype(np.float64) - landmarks[right]
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
