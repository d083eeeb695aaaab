from .ablation import (
    channel_effects as channel_effects,
)
from .atlas import (
    build_atlas as build_atlas,
)
from .clustering import (
    Clustering as Clustering,
    cluster_positions as cluster_positions,
)
from .drawing import (
    board_svg as board_svg,
)
from .errors import (
    ConceptLRPError as ConceptLRPError,
)
from .evaluation import (
    evaluate_composites as evaluate_composites,
)
from .labelling import (
    label_positions as label_positions,
    score_store_labels as score_store_labels,
)
from .lrp import (
    Attribution as Attribution,
    Explainer as Explainer,
    attribute as attribute,
)
from .networks import (
    OthelloNet as OthelloNet,
    demo_corpus as demo_corpus,
    demo_network as demo_network,
    load_network as load_network,
    save_network as save_network,
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
    compare as compare,
    layer_report as layer_report,
    position_report as position_report,
)
from .runs import (
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
    "Explainer",
    "OthelloNet",
    "Position",
    "ReferenceBoards",
    "Store",
    "attribute",
    "attribute_corpus",
    "board_svg",
    "build_atlas",
    "channel_effects",
    "channel_report",
    "cluster_positions",
    "compare",
    "demo_corpus",
    "demo_network",
    "evaluate_composites",
    "label_positions",
    "layer_report",
    "load_network",
    "open_store",
    "position_report",
    "reference_boards",
    "save_network",
    "score_store_labels",
]
