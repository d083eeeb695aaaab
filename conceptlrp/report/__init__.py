"""What is known of a channel or a position, gathered in one place."""

from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.channel_matching import LayerMatch
from conceptlrp.report.channel_report import STRIPS, ChannelReport
from conceptlrp.report.comparison import MATCHED_BY, StoreComparison, compare_stores
from conceptlrp.report.gather import channel_report, layer_reports
from conceptlrp.report.mean_maps import Region
from conceptlrp.report.note import Note
from conceptlrp.report.notes import read_notes
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
    "STRIPS",
    "ChannelEffect",
    "ChannelReport",
    "ChannelStatistics",
    "Edge",
    "Histogram",
    "LayerMatch",
    "MarkedCluster",
    "MoveStatistics",
    "Neighbour",
    "Note",
    "PhaseStatistics",
    "Region",
    "RunnerUp",
    "StoreComparison",
    "channel_report",
    "compare_stores",
    "layer_reports",
    "read_notes",
]
