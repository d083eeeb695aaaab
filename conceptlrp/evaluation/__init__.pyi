from .composite_evaluation import (
    CompositeEvaluation as CompositeEvaluation,
)
from .evaluate import (
    evaluate_composites as evaluate_composites,
)
from .evaluation_file import (
    load_evaluation as load_evaluation,
    save_evaluation as save_evaluation,
)
from .gates import (
    Gate as Gate,
)
from .planted_truth import (
    PlantedScore as PlantedScore,
    planted_scores as planted_scores,
)
from .recommendation import (
    Recommendation as Recommendation,
)

__all__ = [
    "CompositeEvaluation",
    "Gate",
    "PlantedScore",
    "Recommendation",
    "evaluate_composites",
    "load_evaluation",
    "planted_scores",
    "save_evaluation",
]
