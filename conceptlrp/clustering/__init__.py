"""Positions grouped by how the network uses its channels on them."""

from typing import TYPE_CHECKING, Any

from conceptlrp.clustering.channels import ChannelClustering, cluster_channels
from conceptlrp.clustering.choice import ClusterChoice, choose_clusters
from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.clustering_file import (
    clustered_layers,
    load_clustering,
    save_clustering,
)
from conceptlrp.clustering.description import ClusterDescription, describe_clusters
from conceptlrp.clustering.directions import ConceptDirections, concept_directions
from conceptlrp.clustering.enrichment import Enrichment, label_enrichment
from conceptlrp.clustering.estimators import ESTIMATORS
from conceptlrp.clustering.features import FEATURES, relevance_features
from conceptlrp.clustering.markers import Markers
from conceptlrp.clustering.positions import cluster_positions, position_features
from conceptlrp.clustering.prototypes import Deviation, Prototypes, fit_prototypes
from conceptlrp.clustering.stability import Stability, cluster_stability
from conceptlrp.clustering.stability_file import load_stability, save_stability

if TYPE_CHECKING:
    from conceptlrp.clustering.landmark_clustering import LandmarkClustering
    from conceptlrp.clustering.landmarks import LandmarkSpectral

__all__ = [
    "ESTIMATORS",
    "FEATURES",
    "ChannelClustering",
    "ClusterChoice",
    "ClusterDescription",
    "Clustering",
    "ConceptDirections",
    "Deviation",
    "Enrichment",
    "LandmarkClustering",
    "LandmarkSpectral",
    "Markers",
    "Prototypes",
    "Stability",
    "choose_clusters",
    "cluster_channels",
    "cluster_positions",
    "cluster_stability",
    "clustered_layers",
    "concept_directions",
    "describe_clusters",
    "fit_prototypes",
    "label_enrichment",
    "load_clustering",
    "load_stability",
    "position_features",
    "relevance_features",
    "save_clustering",
    "save_stability",
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
