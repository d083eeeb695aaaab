from .composites import (
    evaluate as evaluate,
    evaluate_composites as evaluate_composites,
)
from .result import (
    CompositeEvaluation as CompositeEvaluation,
    Gate as Gate,
    Recommendation as Recommendation,
)
from .truth import (
    rules_truth as rules_truth,
)
from .truth_result import (
    RulesTruth as RulesTruth,
    TruthScore as TruthScore,
)

__all__ = [
    "CompositeEvaluation",
    "Gate",
    "Recommendation",
    "RulesTruth",
    "TruthScore",
    "evaluate",
    "evaluate_composites",
    "rules_truth",
]
