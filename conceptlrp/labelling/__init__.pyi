from .edit_result import (
    EditedBoards as EditedBoards,
    LayerEdits as LayerEdits,
    Response as Response,
)
from .evidence import (
    Evidence as Evidence,
    Level as Level,
    channel_evidence as channel_evidence,
    counts as counts,
    evidence_by_channel as evidence_by_channel,
)
from .interchange_result import (
    ChannelCause as ChannelCause,
    Interchange as Interchange,
    LayerInterchange as LayerInterchange,
)
from .result import (
    ChannelLabels as ChannelLabels,
    LabelCriteria as LabelCriteria,
    LabelScores as LabelScores,
    NamedLabel as NamedLabel,
    ScoredLabels as ScoredLabels,
)
from .rule import Condition as Condition, Rule as Rule
from .scores import score_channels as score_channels
from .store_edits import edit_boards as edit_boards
from .store_labels import (
    LabelOptions as LabelOptions,
    interchange as interchange,
    label as label,
    label_positions as label_positions,
)

__all__ = [
    "ChannelCause",
    "ChannelLabels",
    "Condition",
    "EditedBoards",
    "Evidence",
    "Interchange",
    "LabelCriteria",
    "LabelOptions",
    "LabelScores",
    "LayerEdits",
    "LayerInterchange",
    "Level",
    "NamedLabel",
    "Response",
    "Rule",
    "ScoredLabels",
    "channel_evidence",
    "counts",
    "edit_boards",
    "evidence_by_channel",
    "interchange",
    "label",
    "label_positions",
    "score_channels",
]
