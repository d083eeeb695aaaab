"""What is known of a channel or a position, gathered in one place."""

from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.channel_matching import LayerMatch
from conceptlrp.report.channel_report import STRIPS, ChannelReport
from conceptlrp.report.comparison import MATCHED_BY, StoreComparison, compare_stores
from conceptlrp.report.explained_output import (
    ChannelMap,
    ExplainedOutput,
    LayerMaps,
)
from conceptlrp.report.gather import channel_report, layer_reports
from conceptlrp.report.local_atlas import (
    NO_CHANNEL,
    LocalAtlas,
    RegionHold,
    board_regions,
    local_atlas,
)
from conceptlrp.report.mean_maps import Region
from conceptlrp.report.note import Note
from conceptlrp.report.notes import read_notes
from conceptlrp.report.position_report import (
    MovePolicy,
    PositionReport,
    position_report,
)
from conceptlrp.report.runner_up import RunnerUp
from conceptlrp.report.statistics import (
    ChannelStatistics,
    Histogram,
    MoveStatistics,
    PhaseStatistics,
)
from conceptlrp.report.surroundings import Edge, MarkedCluster, Neighbour

__all__ = [
    "MATCHED_BY",
    "NO_CHANNEL",
    "STRIPS",
    "ChannelEffect",
    "ChannelMap",
    "ChannelReport",
    "ChannelStatistics",
    "Edge",
    "ExplainedOutput",
    "Histogram",
    "LayerMaps",
    "LayerMatch",
    "LocalAtlas",
    "MarkedCluster",
    "MovePolicy",
    "MoveStatistics",
    "Neighbour",
    "Note",
    "PhaseStatistics",
    "PositionReport",
    "Region",
    "RegionHold",
    "RunnerUp",
    "StoreComparison",
    "board_regions",
    "channel_report",
    "compare_stores",
    "layer_reports",
    "local_atlas",
    "position_report",
    "read_notes",
]
