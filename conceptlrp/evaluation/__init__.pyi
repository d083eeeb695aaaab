from .composites import (
    evaluate as evaluate,
    evaluate_composites as evaluate_composites,
)
from .planted_truth import (
    PlantedScore as PlantedScore,
    planted_scores as planted_scores,
)
from .result import (
    CompositeEvaluation as CompositeEvaluation,
    Gate as Gate,
    Recommendation as Recommendation,
)

__all__ = [
    "CompositeEvaluation",
    "Gate",
    "PlantedScore",
    "Recommendation",
    "evaluate",
    "evaluate_composites",
    "planted_scores",
]
