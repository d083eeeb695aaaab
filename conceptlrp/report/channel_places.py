"""Places of all channels in the plane: used on the same positions, near each other.

Shapes use S sampled positions and C channels. Channels of all layers are laid out
together, so that a picture of one layer and the map of all show the same neighbours.
"""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import sample_rows
from conceptlrp.clustering.positions import plane_embedding
from conceptlrp.store import Store

#: Places run from 0 to this.
SIDE = 999
_POSITIONS = 2000
# Fewer channels than this t-SNE tears apart.
_FEWEST = 24
_COMPONENTS = 50


def channel_columns(
    store: Store, layer: str, *, target: int | str = 0
) -> NDArray[np.float32]:
    """Read shares (S, C) of at most 2,000 positions, the same for all layers."""
    rows = sample_rows(len(store), _POSITIONS, 0)
    return store.arrays.share(layer, rows=rows, target=target)


def layer_places(
    store: Store, *, target: int | str = 0
) -> dict[str, NDArray[np.int64]]:
    """Lay channels out in the plane: (C, 2) by layer, -1 where shares never change."""
    columns = [channel_columns(store, each, target=target) for each in store.layers]
    places = places_of_columns(np.concatenate(columns, axis=1))
    ends = np.cumsum([store.channels(layer) for layer in store.layers])
    return dict(zip(store.layers, np.split(places, ends[:-1]), strict=True))


def places_of_columns(columns: NDArray[np.float32]) -> NDArray[np.int64]:
    """Lay columns (S, C) out by correlation: (C, 2), -1 for those that do not vary."""
    found = np.full((columns.shape[1], 2), -1, np.int64)
    centered = columns - columns.mean(axis=0)
    lengths = np.sqrt((centered.astype(np.float64) ** 2).sum(axis=0))
    varies = lengths > 1e-7 * np.sqrt(len(columns))
    if varies.sum() < 2:
        return found
    vectors = (centered[:, varies] / lengths[varies]).T.astype(np.float32)
    kind = "tsne" if len(vectors) >= _FEWEST else "pca"
    layout = plane_embedding(_leading(vectors), kind=kind).astype(np.float64)
    low, high = layout.min(axis=0), layout.max(axis=0)
    found[varies] = np.rint((layout - low) / np.where(high > low, high - low, 1) * SIDE)
    return found


def _leading(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace many dimensions by those that hold most of the differences."""
    if min(vectors.shape) <= _COMPONENTS:
        return vectors
    from sklearn.decomposition import PCA

    model = PCA(_COMPONENTS, svd_solver="covariance_eigh")
    reduced: NDArray[np.float32] = model.fit_transform(vectors)
    return reduced
