"""How good explanations are: faithfulness, dependence on the network, known truths."""

from conceptlrp.evaluation.composite_evaluation import CompositeEvaluation
from conceptlrp.evaluation.estimates import Estimate
from conceptlrp.evaluation.evaluate import evaluate_composites
from conceptlrp.evaluation.gates import Gate
from conceptlrp.evaluation.measurements import Curve, Findings, Measurement
from conceptlrp.evaluation.planted_truth import PlantedScore, planted_scores
from conceptlrp.evaluation.recommendation import Recommendation

__all__ = [
    "CompositeEvaluation",
    "Curve",
    "Estimate",
    "Findings",
    "Gate",
    "Measurement",
    "PlantedScore",
    "Recommendation",
    "evaluate_composites",
    "planted_scores",
]
