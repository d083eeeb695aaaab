from .ablation import (
    channel_effects as channel_effects,
)
from .atlas import (
    build_atlas as build_atlas,
)
from .clustering import (
    Clustering as Clustering,
    cluster as cluster,
)
from .errors import (
    ConceptLRPError as ConceptLRPError,
)
from .evaluation import (
    evaluate_composites as evaluate_composites,
)
from .labelling import (
    score_store_labels as score_store_labels,
)
from .lrp import (
    Attribution as Attribution,
    attribute as attribute,
)
from .networks import (
    load_network as load_network,
)
from .othello import (
    Corpus as Corpus,
    Position as Position,
)
from .reference import (
    ReferenceBoards as ReferenceBoards,
    reference_boards as reference_boards,
)
from .report import (
    ChannelReport as ChannelReport,
    channel_report as channel_report,
    compare_stores as compare_stores,
    layer_reports as layer_reports,
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
    "ChannelReport",
    "Clustering",
    "ConceptLRPError",
    "Corpus",
    "Position",
    "ReferenceBoards",
    "RunOptions",
    "Store",
    "attribute",
    "attribute_corpus",
    "build_atlas",
    "channel_effects",
    "channel_report",
    "cluster",
    "compare_stores",
    "evaluate_composites",
    "layer_reports",
    "load_network",
    "open_store",
    "position_report",
    "reference_boards",
    "score_store_labels",
]
