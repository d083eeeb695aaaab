"""How good explanations and labels are: measured, and what to make of it."""

from conceptlrp.evaluation.causality import CausalCheck, causal_check, phase_matched
from conceptlrp.evaluation.channel_effects import channel_effects
from conceptlrp.evaluation.channel_effects_file import load_effects, save_effects
from conceptlrp.evaluation.channel_effects_result import ChannelEffects, LayerEffects
from conceptlrp.evaluation.composite_evaluation import CompositeEvaluation
from conceptlrp.evaluation.estimates import Estimate
from conceptlrp.evaluation.evaluate import evaluate_composites
from conceptlrp.evaluation.evaluation_file import load_evaluation, save_evaluation
from conceptlrp.evaluation.gates import Gate
from conceptlrp.evaluation.label_results import (
    UNNAMED,
    ChannelLabels,
    LabelCriteria,
    LabelScores,
    NamedLabel,
)
from conceptlrp.evaluation.label_scores import score_channels
from conceptlrp.evaluation.label_store import label_positions, score_store_labels
from conceptlrp.evaluation.label_store_file import (
    load_label_scores,
    save_label_scores,
)
from conceptlrp.evaluation.label_store_results import ChannelCause, ScoredLabels
from conceptlrp.evaluation.label_store_tables import FEATURE_MAP
from conceptlrp.evaluation.masks import (
    relevance_iou,
    relevance_share,
    within_board_auroc,
)
from conceptlrp.evaluation.measurements import Curve, Findings, Measurement
from conceptlrp.evaluation.planted_truth import PlantedScore, planted_scores
from conceptlrp.evaluation.ranks import stratified_auroc, stratified_correlation
from conceptlrp.evaluation.recommendation import Recommendation
from conceptlrp.evaluation.resampling import (
    bootstrap_effects,
    exchanged_games,
    held_out_games,
)
from conceptlrp.evaluation.significance import benjamini_hochberg, permutation_p
from conceptlrp.evaluation.store_explainer import check_network, store_explainer

__all__ = [
    "FEATURE_MAP",
    "UNNAMED",
    "CausalCheck",
    "ChannelCause",
    "ChannelEffects",
    "ChannelLabels",
    "CompositeEvaluation",
    "Curve",
    "Estimate",
    "Findings",
    "Gate",
    "LabelCriteria",
    "LabelScores",
    "LayerEffects",
    "Measurement",
    "NamedLabel",
    "PlantedScore",
    "Recommendation",
    "ScoredLabels",
    "benjamini_hochberg",
    "bootstrap_effects",
    "causal_check",
    "channel_effects",
    "check_network",
    "evaluate_composites",
    "exchanged_games",
    "held_out_games",
    "label_positions",
    "load_effects",
    "load_evaluation",
    "load_label_scores",
    "permutation_p",
    "phase_matched",
    "planted_scores",
    "relevance_iou",
    "relevance_share",
    "save_effects",
    "save_evaluation",
    "save_label_scores",
    "score_channels",
    "score_store_labels",
    "store_explainer",
    "stratified_auroc",
    "stratified_correlation",
    "within_board_auroc",
]
