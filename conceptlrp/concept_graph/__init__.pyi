from .averaging import graph as graph, mean_concept_graph as mean_concept_graph
from .circuit_result import (
    Circuit as Circuit,
    KeptCurve as KeptCurve,
    KeptLayer as KeptLayer,
)
from .circuits import circuit as circuit
from .mean_graph import (
    ConceptPath as ConceptPath,
    MeanConceptGraph as MeanConceptGraph,
    node_link as node_link,
    strongest_paths as strongest_paths,
    to_networkx as to_networkx,
)
from .unit_edges import UnitEdges as UnitEdges

__all__ = [
    "Circuit",
    "ConceptPath",
    "KeptCurve",
    "KeptLayer",
    "MeanConceptGraph",
    "UnitEdges",
    "circuit",
    "graph",
    "mean_concept_graph",
    "node_link",
    "strongest_paths",
    "to_networkx",
]
