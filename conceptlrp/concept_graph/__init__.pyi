from .export import (
    node_link as node_link,
    to_networkx as to_networkx,
)
from .file import (
    load_graph as load_graph,
    save_graph as save_graph,
)
from .mean_graph import (
    MeanConceptGraph as MeanConceptGraph,
    mean_concept_graph as mean_concept_graph,
)
from .paths import (
    ConceptPath as ConceptPath,
    strongest_paths as strongest_paths,
)

__all__ = [
    "ConceptPath",
    "MeanConceptGraph",
    "load_graph",
    "mean_concept_graph",
    "node_link",
    "save_graph",
    "strongest_paths",
    "to_networkx",
]
