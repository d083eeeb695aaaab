"""A picture of the clustering: positions as points in the plane.

Shapes use n positions and C channels. Pictures only: distances in them are
distorted, and no cluster is ever computed from them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.channels import feature_moments
from conceptlrp.clustering.features import FeatureTable, feature_blocks, sample_rows
from conceptlrp.errors import ClusteringError

__all__ = ["EMBEDDINGS", "plane_embedding"]

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
    if kind not in EMBEDDINGS:
        known = ", ".join(EMBEDDINGS)
        msg = f"embedding {kind!r} is not known, expected one of {known}"
        raise ValueError(msg)
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
    features: FeatureTable,
    sample: NDArray[np.float32],
    layout: NDArray[np.float32],
) -> NDArray[np.float32]:
    from sklearn.neighbors import KNeighborsRegressor

    neighbours = KNeighborsRegressor(5, weights="distance").fit(sample, layout)
    placed = np.empty((len(features), 2), dtype=np.float32)
    for rows, block in feature_blocks(features):
        placed[rows] = neighbours.predict(block)
    return placed
