from .attribution import (
    Attribution as Attribution,
)
from .composites import (
    COMPOSITES as COMPOSITES,
    DEFAULT_COMPOSITE as DEFAULT_COMPOSITE,
)
from .engine.flows import (
    ConceptGraph as ConceptGraph,
    Conservation as Conservation,
)
from .explainer import (
    Explainer as Explainer,
)
from .one_call import (
    attribute as attribute,
    explain as explain,
)
from .targets import (
    Best as Best,
    Contrast as Contrast,
    Move as Move,
    Moves as Moves,
    Neuron as Neuron,
    Played as Played,
    Target as Target,
    Value as Value,
)

__all__ = [
    "COMPOSITES",
    "DEFAULT_COMPOSITE",
    "Attribution",
    "Best",
    "ConceptGraph",
    "Conservation",
    "Contrast",
    "Explainer",
    "Move",
    "Moves",
    "Neuron",
    "Played",
    "Target",
    "Value",
    "attribute",
    "explain",
]
