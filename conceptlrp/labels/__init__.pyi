from .definitions import Label as Label
from .geometry import (
    LOCATION_CLASSES as LOCATION_CLASSES,
    location_classes as location_classes,
)
from .labels import (
    LABELS as LABELS,
    Labels as Labels,
    control_labels as control_labels,
    label_boards as label_boards,
)
from .moves import MOVE_LABELS as MOVE_LABELS, move_labels as move_labels
from .words import sentence as sentence

__all__ = [
    "LABELS",
    "LOCATION_CLASSES",
    "MOVE_LABELS",
    "Label",
    "Labels",
    "control_labels",
    "label_boards",
    "location_classes",
    "move_labels",
    "sentence",
]
