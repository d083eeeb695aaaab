"""Reference boards: the positions on which a channel matters most."""

from typing import TYPE_CHECKING, Any

from conceptlrp.reference.boards import ReferenceBoard, ReferenceBoards
from conceptlrp.reference.folding import fold_orientations
from conceptlrp.reference.scores import REFERENCE_SCORES, reference_scores
from conceptlrp.reference.selection import diverse_rows, quantile_rows
from conceptlrp.reference.strips import (
    quantile_boards,
    random_boards,
    reference_boards,
)

if TYPE_CHECKING:
    from conceptlrp.reference.heatmaps import conditional_maps
    from conceptlrp.reference.receptive_fields import receptive_field

__all__ = [
    "REFERENCE_SCORES",
    "ReferenceBoard",
    "ReferenceBoards",
    "conditional_maps",
    "diverse_rows",
    "fold_orientations",
    "quantile_boards",
    "quantile_rows",
    "random_boards",
    "receptive_field",
    "reference_boards",
    "reference_scores",
]

_HOMES = {"conditional_maps": "heatmaps", "receptive_field": "receptive_fields"}


def __getattr__(name: str) -> Any:
    # What computes needs torch, which takes seconds to import; rankings do not.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
