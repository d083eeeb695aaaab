from .attribution import (
    Attribution as Attribution,
)
from .baselines import (
    BASELINES as BASELINES,
    Baseline as Baseline,
    mean_baseline as mean_baseline,
    resolve_baseline as resolve_baseline,
)
from .checking import (
    NetworkCheck as NetworkCheck,
    check_network as check_network,
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
from .interventions import (
    Intervened as Intervened,
    Intervention as Intervention,
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
    "BASELINES",
    "COMPOSITES",
    "DEFAULT_COMPOSITE",
    "Attribution",
    "Baseline",
    "Best",
    "ConceptGraph",
    "Conservation",
    "Contrast",
    "Explainer",
    "Intervened",
    "Intervention",
    "Move",
    "Moves",
    "NetworkCheck",
    "Neuron",
    "Played",
    "Target",
    "Value",
    "attribute",
    "check_network",
    "explain",
    "mean_baseline",
    "resolve_baseline",
]
