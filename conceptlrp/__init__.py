"""Tell what each channel of an AlphaZero-style Othello network has learned.

Layer-wise relevance conditioned on each channel of a network, for a corpus of
positions: on disk, ranked, clustered, and drawn as an atlas of concepts.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from conceptlrp.atlas import build_atlas
    from conceptlrp.clustering import Clustering, cluster_positions
    from conceptlrp.drawing import board_svg
    from conceptlrp.errors import ConceptLRPError
    from conceptlrp.evaluation import (
        channel_effects,
        evaluate_composites,
        label_positions,
        score_store_labels,
    )
    from conceptlrp.lrp import Attribution, Explainer, attribute
    from conceptlrp.networks import (
        OthelloNet,
        demo_corpus,
        demo_network,
        load_network,
        save_network,
    )
    from conceptlrp.othello import Corpus, Position
    from conceptlrp.reference import ReferenceBoards, reference_boards
    from conceptlrp.report import (
        ChannelReport,
        channel_report,
        compare_stores,
        layer_reports,
        position_report,
    )
    from conceptlrp.runs import attribute_corpus
    from conceptlrp.store import Store, open_store

_HOMES = {
    "Attribution": "lrp",
    "ChannelReport": "report",
    "Clustering": "clustering",
    "ConceptLRPError": "errors",
    "Corpus": "othello",
    "Explainer": "lrp",
    "OthelloNet": "networks",
    "Position": "othello",
    "ReferenceBoards": "reference",
    "Store": "store",
    "attribute": "lrp",
    "attribute_corpus": "runs",
    "board_svg": "drawing",
    "build_atlas": "atlas",
    "channel_effects": "evaluation",
    "channel_report": "report",
    "cluster_positions": "clustering",
    "compare_stores": "report",
    "demo_corpus": "networks",
    "demo_network": "networks",
    "evaluate_composites": "evaluation",
    "label_positions": "evaluation",
    "layer_reports": "report",
    "load_network": "networks",
    "open_store": "store",
    "position_report": "report",
    "reference_boards": "reference",
    "save_network": "networks",
    "score_store_labels": "evaluation",
}

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
    "compare_stores",
    "demo_corpus",
    "demo_network",
    "evaluate_composites",
    "label_positions",
    "layer_reports",
    "load_network",
    "open_store",
    "position_report",
    "reference_boards",
    "save_network",
    "score_store_labels",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: torch takes seconds to load."""
    if name not in _HOMES:
        msg = f"module 'conceptlrp' has no attribute '{name}'"
        raise AttributeError(msg)
    return getattr(import_module(f"conceptlrp.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
