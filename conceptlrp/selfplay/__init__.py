"""Play and training: networks learn from games, players meet in the arena."""

from conceptlrp.selfplay.arena import MatchResult, match
from conceptlrp.selfplay.endgame import EndgameSolver
from conceptlrp.selfplay.gtp import GtpEngine, GtpPlayer
from conceptlrp.selfplay.iterations import IterationOptions, train_iterations
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    MobilityPlayer,
    NetworkPlayer,
    RandomPlayer,
    SearchPlayer,
)
from conceptlrp.selfplay.puct import SearchOptions
from conceptlrp.selfplay.rounds import SelfPlayGames, SelfPlayOptions
from conceptlrp.selfplay.run_folder import RunFolder
from conceptlrp.selfplay.self_play_file import read_self_play, self_play
from conceptlrp.selfplay.strength import StrengthOptions, read_card, strength_card
from conceptlrp.selfplay.training import train
from conceptlrp.selfplay.training_record import TrainingOptions, TrainingRecord
from conceptlrp.selfplay.training_set import TrainingSet
from conceptlrp.selfplay.validation import hold_out

__all__ = [
    "EndgameSolver",
    "GreedyPlayer",
    "GtpEngine",
    "GtpPlayer",
    "IterationOptions",
    "MatchResult",
    "MobilityPlayer",
    "NetworkPlayer",
    "RandomPlayer",
    "RunFolder",
    "SearchOptions",
    "SearchPlayer",
    "SelfPlayGames",
    "SelfPlayOptions",
    "StrengthOptions",
    "TrainingOptions",
    "TrainingRecord",
    "TrainingSet",
    "hold_out",
    "match",
    "read_card",
    "read_self_play",
    "self_play",
    "strength_card",
    "train",
    "train_iterations",
]
