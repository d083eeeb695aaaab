from .composites import (
    evaluate as evaluate,
    evaluate_composites as evaluate_composites,
)
from .result import (
    CompositeEvaluation as CompositeEvaluation,
    Gate as Gate,
    Recommendation as Recommendation,
)

__all__ = [
    "CompositeEvaluation",
    "Gate",
    "Recommendation",
    "evaluate",
    "evaluate_composites",
]
