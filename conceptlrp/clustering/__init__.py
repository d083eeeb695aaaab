"""Positions grouped by how the network uses its channels on them."""

from typing import TYPE_CHECKING, Any

from conceptlrp.clustering.channels import ChannelClustering, cluster_channels
from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.clustering_file import (
    clustered_layers,
    load_clustering,
    save_clustering,
)
from conceptlrp.clustering.directions import ConceptDirections, concept_directions
from conceptlrp.clustering.features import relevance_features
from conceptlrp.clustering.markers import Markers
from conceptlrp.clustering.positions import cluster_positions, position_features
from conceptlrp.clustering.prototypes import Deviation, Prototypes, fit_prototypes

if TYPE_CHECKING:
    from conceptlrp.clustering.landmark_clustering import LandmarkClustering
    from conceptlrp.clustering.landmarks import LandmarkSpectral

__all__ = [
    "ChannelClustering",
    "Clustering",
    "ConceptDirections",
    "Deviation",
    "LandmarkClustering",
    "LandmarkSpectral",
    "Markers",
    "Prototypes",
    "cluster_channels",
    "cluster_positions",
    "clustered_layers",
    "concept_directions",
    "fit_prototypes",
    "load_clustering",
    "position_features",
    "relevance_features",
    "save_clustering",
]


_ESTIMATORS = {
    "LandmarkClustering": "landmark_clustering",
    "LandmarkSpectral": "landmarks",
}


def __getattr__(name: str) -> Any:
    # An estimator inherits from scikit-learn, which takes two seconds to import.
    if name in _ESTIMATORS:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_ESTIMATORS[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
