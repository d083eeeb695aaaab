from .boards import (
    ReferenceBoard as ReferenceBoard,
    ReferenceBoards as ReferenceBoards,
)
from .heatmaps import (
    conditional_maps as conditional_maps,
    receptive_field as receptive_field,
)
from .strips import (
    REFERENCE_SCORES as REFERENCE_SCORES,
    quantile_boards as quantile_boards,
    random_boards as random_boards,
    reference_boards as reference_boards,
)

__all__ = [
    "REFERENCE_SCORES",
    "ReferenceBoard",
    "ReferenceBoards",
    "conditional_maps",
    "quantile_boards",
    "random_boards",
    "receptive_field",
    "reference_boards",
]
