from .ablation import (
    ablate as ablate,
)
from .atlas import (
    build_atlas as build_atlas,
)
from .clustering import (
    Clustering as Clustering,
    cluster as cluster,
)
from .concept_graph import (
    circuit as circuit,
    graph as graph,
)
from .errors import (
    ConceptLRPError as ConceptLRPError,
)
from .evaluation import (
    evaluate as evaluate,
)
from .labelling import (
    label as label,
)
from .lrp import (
    Attribution as Attribution,
    attribute as attribute,
    explain as explain,
)
from .networks import (
    adapt as adapt,
    load_network as load_network,
)
from .othello import (
    Corpus as Corpus,
    Position as Position,
)
from .reference import (
    reference_boards as reference_boards,
)
from .report import (
    channel_report as channel_report,
    compare as compare,
    layer_report as layer_report,
    position_report as position_report,
)
from .runs import (
    RunOptions as RunOptions,
    attribute_corpus as attribute_corpus,
)
from .store import (
    Store as Store,
    open_store as open_store,
)

__version__: str
__all__ = [
    "Attribution",
    "Clustering",
    "ConceptLRPError",
    "Corpus",
    "Position",
    "RunOptions",
    "Store",
    "ablate",
    "adapt",
    "attribute",
    "attribute_corpus",
    "build_atlas",
    "channel_report",
    "circuit",
    "cluster",
    "compare",
    "evaluate",
    "explain",
    "graph",
    "label",
    "layer_report",
    "load_network",
    "open_store",
    "position_report",
    "reference_boards",
]
