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
from conceptlrp.figures.references import (
    mean_maps,
    mean_maps_figure,
    reference_figure,
)
from conceptlrp.figures.saving import save_figure

__all__ = [
    "board_figure",
    "mean_maps",
    "mean_maps_figure",
    "reference_figure",
    "save_figure",
]
