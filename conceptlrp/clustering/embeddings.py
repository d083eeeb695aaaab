"""A picture of the clustering: positions as points in the plane.

Shapes use n positions and C channels. Pictures only: distances in them are
distorted, and no cluster is ever computed from them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EMBEDDINGS", "plane_embedding"]

#: Layouts of positions in the plane.
EMBEDDINGS = ("pca", "tsne")

# t-SNE needs 20 s for 10,000 points on two cores; beyond this a sample is laid
# out and the others are placed among their neighbours in it.
_TSNE_POINTS = 5000


def plane_embedding(
    features: NDArray[np.float32], *, kind: str = "pca", seed: int = 0
) -> NDArray[np.float32]:
    """Lay positions out in the plane.

    Parameters
    ----------
    features : float32 array of shape (n, C)
        Features of the positions.
    kind : {"pca", "tsne"}
        Principal components, or t-SNE. t-SNE of more than 5,000 positions lays
        out a seeded sample and puts every other position at the mean of its
        five nearest in the sample, weighted by inverse distance.
    seed : int
        Seed of t-SNE and of the sample.

    Returns
    -------
    float32 array of shape (n, 2)
        Coordinates; a second component that does not exist is zero.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind == "pca":
        return _principal_components(features, 2)
    if kind == "tsne":
        return _tsne(features, seed)
    msg = f"embedding {kind!r} is not known, expected one of {', '.join(EMBEDDINGS)}"
    raise ValueError(msg)


def _principal_components(
    features: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    from sklearn.decomposition import PCA

    parts = min(count, *features.shape)
    found = PCA(parts, svd_solver="covariance_eigh").fit_transform(features)
    missing = ((0, 0), (0, count - parts))
    return np.pad(found, missing).astype(np.float32)


def _tsne(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    if len(features) < 4:
        return _principal_components(features, 2)
    random = np.random.default_rng(seed)
    size = min(len(features), _TSNE_POINTS)
    chosen = np.sort(random.choice(len(features), size, replace=False))
    layout = _fit_tsne(features[chosen], seed)
    if size == len(features):
        return layout
    placed = _place(features, features[chosen], layout)
    placed[chosen] = layout
    return placed


def _fit_tsne(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    perplexity = min(30.0, (len(features) - 1) / 3)
    # t-SNE adds forces up in the order in which threads finish.
    with threadpool_limits(limits=1, user_api="openmp"):
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        layout: NDArray[Any] = tsne.fit_transform(features)
    return layout.astype(np.float32)


def _place(
    features: NDArray[np.float32],
    sample: NDArray[np.float32],
    layout: NDArray[np.float32],
) -> NDArray[np.float32]:
    from sklearn.neighbors import KNeighborsRegressor

    neighbours = KNeighborsRegressor(5, weights="distance").fit(sample, layout)
    return np.asarray(neighbours.predict(features), dtype=np.float32)
