from .channel import (
    ChannelReport as ChannelReport,
)
from .comparison import (
    StoreComparison as StoreComparison,
    compare_stores as compare_stores,
)
from .gather import (
    channel_report as channel_report,
    layer_reports as layer_reports,
)
from .note import (
    Note as Note,
)
from .notes import (
    read_notes as read_notes,
)
from .position import (
    PositionReport as PositionReport,
    position_report as position_report,
)

__all__ = [
    "ChannelReport",
    "Note",
    "PositionReport",
    "StoreComparison",
    "channel_report",
    "compare_stores",
    "layer_reports",
    "position_report",
    "read_notes",
]
