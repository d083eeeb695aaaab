from .causality import (
    CausalCheck as CausalCheck,
)
from .file import (
    load_label_scores as load_label_scores,
    save_label_scores as save_label_scores,
)
from .label import (
    label_positions as label_positions,
    score_store_labels as score_store_labels,
)
from .results import (
    ChannelLabels as ChannelLabels,
    LabelCriteria as LabelCriteria,
    LabelScores as LabelScores,
    NamedLabel as NamedLabel,
)
from .scores import (
    score_channels as score_channels,
)
from .stored import (
    ChannelCause as ChannelCause,
    ScoredLabels as ScoredLabels,
)

__all__ = [
    "CausalCheck",
    "ChannelCause",
    "ChannelLabels",
    "LabelCriteria",
    "LabelScores",
    "NamedLabel",
    "ScoredLabels",
    "label_positions",
    "load_label_scores",
    "save_label_scores",
    "score_channels",
    "score_store_labels",
]
