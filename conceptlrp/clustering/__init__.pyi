from .channels import (
    ChannelClustering as ChannelClustering,
    cluster_channels as cluster_channels,
)
from .clustering import (
    Clustering as Clustering,
)
from .description import (
    ClusterDescription as ClusterDescription,
    Enrichment as Enrichment,
    describe_clusters as describe_clusters,
    label_enrichment as label_enrichment,
)
from .estimators import (
    ESTIMATORS as ESTIMATORS,
    Stability as Stability,
    cluster_stability as cluster_stability,
)
from .features import (
    FEATURES as FEATURES,
)
from .positions import (
    ClusterOptions as ClusterOptions,
    cluster as cluster,
)

__all__ = [
    "ESTIMATORS",
    "FEATURES",
    "ChannelClustering",
    "ClusterDescription",
    "ClusterOptions",
    "Clustering",
    "Enrichment",
    "Stability",
    "cluster",
    "cluster_channels",
    "cluster_stability",
    "describe_clusters",
    "label_enrichment",
]
