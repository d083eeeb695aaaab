from .averaging import (
    graph as graph,
    mean_concept_graph as mean_concept_graph,
)
from .mean_graph import (
    MeanConceptGraph as MeanConceptGraph,
    node_link as node_link,
    to_networkx as to_networkx,
)
from .paths import (
    ConceptPath as ConceptPath,
    strongest_paths as strongest_paths,
)

__all__ = [
    "ConceptPath",
    "MeanConceptGraph",
    "graph",
    "mean_concept_graph",
    "node_link",
    "strongest_paths",
    "to_networkx",
]
