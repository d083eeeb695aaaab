"""What is known of a channel or a position, gathered in one place."""

from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.channel_report import STRIPS, ChannelReport
from conceptlrp.report.note import Note
from conceptlrp.report.notes import read_notes
from conceptlrp.report.runner_up import RunnerUp
from conceptlrp.report.statistics import (
    ChannelStatistics,
    Histogram,
    PhaseStatistics,
)
from conceptlrp.report.surroundings import Edge, MarkedCluster, Neighbour

__all__ = [
    "STRIPS",
    "ChannelEffect",
    "ChannelReport",
    "ChannelStatistics",
    "Edge",
    "Histogram",
    "MarkedCluster",
    "Neighbour",
    "Note",
    "PhaseStatistics",
    "RunnerUp",
    "read_notes",
]
