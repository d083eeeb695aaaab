from .channels import (
    ChannelClustering as ChannelClustering,
    cluster_channels as cluster_channels,
)
from .choice import (
    ClusterChoice as ClusterChoice,
    choose_clusters as choose_clusters,
)
from .clustering import (
    Clustering as Clustering,
)
from .clustering_file import (
    load_clustering as load_clustering,
    save_clustering as save_clustering,
)
from .description import (
    ClusterDescription as ClusterDescription,
    describe_clusters as describe_clusters,
)
from .directions import (
    ConceptDirections as ConceptDirections,
    concept_directions as concept_directions,
)
from .enrichment import (
    Enrichment as Enrichment,
    label_enrichment as label_enrichment,
)
from .estimators import (
    ESTIMATORS as ESTIMATORS,
)
from .features import (
    FEATURES as FEATURES,
)
from .positions import (
    cluster_positions as cluster_positions,
)
from .prototypes import (
    Prototypes as Prototypes,
    fit_prototypes as fit_prototypes,
)
from .stability import (
    Stability as Stability,
    cluster_stability as cluster_stability,
)
from .stability_file import (
    load_stability as load_stability,
    save_stability as save_stability,
)

__all__ = [
    "ESTIMATORS",
    "FEATURES",
    "ChannelClustering",
    "ClusterChoice",
    "ClusterDescription",
    "Clustering",
    "ConceptDirections",
    "Enrichment",
    "Prototypes",
    "Stability",
    "choose_clusters",
    "cluster_channels",
    "cluster_positions",
    "cluster_stability",
    "concept_directions",
    "describe_clusters",
    "fit_prototypes",
    "label_enrichment",
    "load_clustering",
    "load_stability",
    "save_clustering",
    "save_stability",
]
