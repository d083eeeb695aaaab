"""Positions grouped by how the network uses its channels on them."""

from typing import TYPE_CHECKING, Any

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.clustering_file import (
    clustered_layers,
    load_clustering,
    save_clustering,
)
from conceptlrp.clustering.features import relevance_features
from conceptlrp.clustering.markers import Markers
from conceptlrp.clustering.positions import cluster_positions

if TYPE_CHECKING:
    from conceptlrp.clustering.landmarks import LandmarkSpectral

__all__ = [
    "Clustering",
    "LandmarkSpectral",
    "Markers",
    "cluster_positions",
    "clustered_layers",
    "load_clustering",
    "relevance_features",
    "save_clustering",
]


def __getattr__(name: str) -> Any:
    # An estimator inherits from scikit-learn, which takes two seconds to import.
    if name == "LandmarkSpectral":
        from conceptlrp.clustering.landmarks import LandmarkSpectral

        return LandmarkSpectral
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
