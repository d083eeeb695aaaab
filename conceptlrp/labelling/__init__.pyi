from .channel_labels import (
    CausalCheck as CausalCheck,
    ChannelCause as ChannelCause,
    ChannelLabels as ChannelLabels,
    NamedLabel as NamedLabel,
)
from .result import (
    LabelCriteria as LabelCriteria,
    LabelOptions as LabelOptions,
    LabelScores as LabelScores,
    ScoredLabels as ScoredLabels,
)
from .scores import (
    score_channels as score_channels,
)
from .store_labels import (
    label as label,
    label_positions as label_positions,
)

__all__ = [
    "CausalCheck",
    "ChannelCause",
    "ChannelLabels",
    "LabelCriteria",
    "LabelOptions",
    "LabelScores",
    "NamedLabel",
    "ScoredLabels",
    "label",
    "label_positions",
    "score_channels",
]
