from .channel import ChannelReport as ChannelReport
from .comparison import StoreComparison as StoreComparison, compare as compare
from .notes import Note as Note, read_notes as read_notes
from .position import (
    PositionReport as PositionReport,
    position_report as position_report,
)
from .reports import (
    LayerReport as LayerReport,
    channel_report as channel_report,
    layer_report as layer_report,
)

__all__ = [
    "ChannelReport",
    "LayerReport",
    "Note",
    "PositionReport",
    "StoreComparison",
    "channel_report",
    "compare",
    "layer_report",
    "position_report",
    "read_notes",
]
