"""How good explanations and labels are: scores of channels against labels."""

from conceptlrp.evaluation.causality import CausalCheck, causal_check, phase_matched
from conceptlrp.evaluation.label_results import (
    UNNAMED,
    ChannelLabels,
    LabelCriteria,
    LabelScores,
    NamedLabel,
)
from conceptlrp.evaluation.label_scores import score_channels
from conceptlrp.evaluation.masks import (
    relevance_iou,
    relevance_share,
    within_board_auroc,
)
from conceptlrp.evaluation.ranks import stratified_auroc, stratified_correlation
from conceptlrp.evaluation.resampling import (
    bootstrap_effects,
    exchanged_games,
    held_out_games,
)
from conceptlrp.evaluation.significance import benjamini_hochberg, permutation_p

__all__ = [
    "UNNAMED",
    "CausalCheck",
    "ChannelLabels",
    "LabelCriteria",
    "LabelScores",
    "NamedLabel",
    "benjamini_hochberg",
    "bootstrap_effects",
    "causal_check",
    "exchanged_games",
    "held_out_games",
    "permutation_p",
    "phase_matched",
    "relevance_iou",
    "relevance_share",
    "score_channels",
    "stratified_auroc",
    "stratified_correlation",
    "within_board_auroc",
]
