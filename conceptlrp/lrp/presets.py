"""Names of the composites that ship, known without torch."""

from typing import Final

DEFAULT_COMPOSITE: Final = "epsilon-gamma"
#: No rule at all: the value times its derivative.
GRADIENT: Final = "gradient-x-input"
COMPOSITES: Final = (
    "epsilon",
    "epsilon-alpha2-beta1-flat",
    "epsilon-flat",
    "epsilon-gamma",
    "epsilon-gamma-flat",
    "epsilon-plus",
    "epsilon-plus-flat",
    "epsilon-w-square",
    GRADIENT,
)
