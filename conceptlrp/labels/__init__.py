"""Concept labels: Othello theory as predicates of positions, squares and moves."""

from conceptlrp.labels.concept import Concept
from conceptlrp.labels.controls import control_labels, random_twins
from conceptlrp.labels.geometry import (
    LOCATION_CLASSES,
    location_classes,
    phases,
)
from conceptlrp.labels.labels import CONCEPTS, Labels, label

__all__ = [
    "CONCEPTS",
    "LOCATION_CLASSES",
    "Concept",
    "Labels",
    "control_labels",
    "label",
    "location_classes",
    "phases",
    "random_twins",
]
