"""A corpus into a store: planned, computed by whoever is there, resumed, merged."""

from conceptlrp.runs.board_statistics import BoardStatistics, board_statistics
from conceptlrp.runs.distributed import Distributed
from conceptlrp.runs.driver import attribute_corpus
from conceptlrp.runs.executors import Executor, InProcess
from conceptlrp.runs.processes import Processes
from conceptlrp.runs.statistics import PHASES, REGIONS, game_phases
from conceptlrp.runs.stripes import merge_run
from conceptlrp.runs.watch import Progress, RunInterrupted, Watch

__all__ = [
    "PHASES",
    "REGIONS",
    "BoardStatistics",
    "Distributed",
    "Executor",
    "InProcess",
    "Processes",
    "Progress",
    "RunInterrupted",
    "Watch",
    "attribute_corpus",
    "board_statistics",
    "game_phases",
    "merge_run",
]
