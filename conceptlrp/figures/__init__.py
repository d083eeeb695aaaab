"""Figures for papers, drawn with matplotlib, which is an extra.

Every function returns a matplotlib Figure that belongs to nobody else, and
`save_figure` writes it.
"""

from importlib.util import find_spec

from conceptlrp.errors import ConceptLRPError

if find_spec("matplotlib") is None:
    _message = "figures need matplotlib; pip install 'conceptlrp[figures]'"
    raise ConceptLRPError(_message)

from conceptlrp.figures.boards import board_figure
from conceptlrp.figures.channel_map import channel_map_figure, channel_places
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.embeddings import embedding_figure
from conceptlrp.figures.empty_board import empty_board_figure
from conceptlrp.figures.faithfulness import faithfulness_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.references import (
    mean_maps,
    mean_maps_figure,
    reference_figure,
)
from conceptlrp.figures.sanity import sanity_figure
from conceptlrp.figures.saving import save_figure
from conceptlrp.figures.style import ONE_COLUMN, TWO_COLUMNS

__all__ = [
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "board_figure",
    "channel_map_figure",
    "channel_places",
    "concept_graph_figure",
    "embedding_figure",
    "empty_board_figure",
    "faithfulness_figure",
    "label_matrix_figure",
    "mean_maps",
    "mean_maps_figure",
    "reference_figure",
    "sanity_figure",
    "save_figure",
]
