"""Layer-wise relevance: rules, targets and channels."""

from conceptlrp.lrp._zennit import import_zennit

import_zennit()

from conceptlrp.lrp.absorption import Conservation  # noqa: E402
from conceptlrp.lrp.attribution import Attribution  # noqa: E402
from conceptlrp.lrp.canonizers import fold_batch_norm  # noqa: E402
from conceptlrp.lrp.composites import COMPOSITES, DEFAULT_COMPOSITE  # noqa: E402
from conceptlrp.lrp.edges import ConceptGraph  # noqa: E402
from conceptlrp.lrp.explain import (  # noqa: E402
    attribute,
    concept_graph,
    conservation,
)
from conceptlrp.lrp.explainer import Explainer  # noqa: E402
from conceptlrp.lrp.graph_export import node_link, to_networkx  # noqa: E402
from conceptlrp.lrp.graph_file import load_graph, save_graph  # noqa: E402
from conceptlrp.lrp.graph_paths import ConceptPath, strongest_paths  # noqa: E402
from conceptlrp.lrp.mean_graph import (  # noqa: E402
    MeanConceptGraph,
    mean_concept_graph,
)
from conceptlrp.lrp.summary import Summary  # noqa: E402
from conceptlrp.lrp.targets import (  # noqa: E402
    Best,
    Contrast,
    Move,
    Moves,
    Neuron,
    Played,
    Target,
    Value,
    parse_target,
)

__all__ = [
    "COMPOSITES",
    "DEFAULT_COMPOSITE",
    "Attribution",
    "Best",
    "ConceptGraph",
    "ConceptPath",
    "Conservation",
    "Contrast",
    "Explainer",
    "MeanConceptGraph",
    "Move",
    "Moves",
    "Neuron",
    "Played",
    "Summary",
    "Target",
    "Value",
    "attribute",
    "concept_graph",
    "conservation",
    "fold_batch_norm",
    "load_graph",
    "mean_concept_graph",
    "node_link",
    "parse_target",
    "save_graph",
    "strongest_paths",
    "to_networkx",
]
