from .concept import (
    Concept as Concept,
)
from .controls import (
    control_labels as control_labels,
)
from .geometry import (
    LOCATION_CLASSES as LOCATION_CLASSES,
    location_classes as location_classes,
    phases as phases,
)
from .labels import (
    CONCEPTS as CONCEPTS,
    Labels as Labels,
    label as label,
)

__all__ = [
    "CONCEPTS",
    "LOCATION_CLASSES",
    "Concept",
    "Labels",
    "control_labels",
    "label",
    "location_classes",
    "phases",
]
