"""Play and training: networks learn from games, players meet in the arena."""

from conceptlrp.selfplay.arena import MatchResult, match, play_games
from conceptlrp.selfplay.endgame import EndgameSolver, Solution
from conceptlrp.selfplay.evaluators import NetworkEvaluator
from conceptlrp.selfplay.gtp import GtpEngine, GtpPlayer
from conceptlrp.selfplay.iterations import (
    Iteration,
    IterationOptions,
    train_iterations,
)
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    MobilityPlayer,
    NetworkPlayer,
    RandomPlayer,
    SearchPlayer,
)
from conceptlrp.selfplay.puct import SearchOptions, SearchResult, search
from conceptlrp.selfplay.rounds import SelfPlayGames, SelfPlayOptions
from conceptlrp.selfplay.run_folder import RunFolder
from conceptlrp.selfplay.self_play_file import read_self_play, self_play
from conceptlrp.selfplay.strength import StrengthOptions, read_card, strength_card
from conceptlrp.selfplay.training import train
from conceptlrp.selfplay.training_record import TrainingOptions, TrainingRecord
from conceptlrp.selfplay.training_set import TrainingSet
from conceptlrp.selfplay.validation import (
    Validation,
    hold_out_games,
    hold_out_year,
    validate,
)

__all__ = [
    "EndgameSolver",
    "GreedyPlayer",
    "GtpEngine",
    "GtpPlayer",
    "Iteration",
    "IterationOptions",
    "MatchResult",
    "MobilityPlayer",
    "NetworkEvaluator",
    "NetworkPlayer",
    "RandomPlayer",
    "RunFolder",
    "SearchOptions",
    "SearchPlayer",
    "SearchResult",
    "SelfPlayGames",
    "SelfPlayOptions",
    "Solution",
    "StrengthOptions",
    "TrainingOptions",
    "TrainingRecord",
    "TrainingSet",
    "Validation",
    "hold_out_games",
    "hold_out_year",
    "match",
    "play_games",
    "read_card",
    "read_self_play",
    "search",
    "self_play",
    "strength_card",
    "train",
    "train_iterations",
    "validate",
]
