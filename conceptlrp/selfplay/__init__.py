"""Play and training: networks learn from games, players meet in the arena."""

from conceptlrp.selfplay.arena import MatchResult, match, play_games, random_openings
from conceptlrp.selfplay.endgame import EndgameSolver, Solution
from conceptlrp.selfplay.endgame_play import (
    EndgameResult,
    endgame_positions,
    play_endgames,
)
from conceptlrp.selfplay.evaluation import Evaluation, evaluate
from conceptlrp.selfplay.evaluators import Evaluator, NetworkEvaluator
from conceptlrp.selfplay.game_makers import GameMaker, PolicyGames, SearchGames
from conceptlrp.selfplay.game_record import read_self_play, record_self_play
from conceptlrp.selfplay.games import sample_games
from conceptlrp.selfplay.gate import ArenaGate, Gate
from conceptlrp.selfplay.gtp import GtpEngine, GtpPlayer
from conceptlrp.selfplay.iteration_folder import IterationFolder
from conceptlrp.selfplay.iteration_record import Iteration, IterationOptions
from conceptlrp.selfplay.iterations import train_iterations
from conceptlrp.selfplay.match_record import record_match
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    HistoryPlayer,
    MobilityPlayer,
    NetworkPlayer,
    Player,
    RandomPlayer,
    SearchPlayer,
)
from conceptlrp.selfplay.progress import Progress, TrainingOptions, TrainingRecord
from conceptlrp.selfplay.reference_search import ReferenceSearch
from conceptlrp.selfplay.run_folder import RunFolder
from conceptlrp.selfplay.search import search
from conceptlrp.selfplay.search_options import (
    SearchOptions,
    SearchResult,
    choose_actions,
)
from conceptlrp.selfplay.self_play import (
    SelfPlayGames,
    SelfPlayOptions,
    self_play,
)
from conceptlrp.selfplay.split import hold_out_games, hold_out_year
from conceptlrp.selfplay.strength import StrengthOptions, read_card, strength_card
from conceptlrp.selfplay.training import SupervisedTraining, train, train_supervised
from conceptlrp.selfplay.training_set import TrainingSet

__all__ = [
    "ArenaGate",
    "EndgameResult",
    "EndgameSolver",
    "Evaluation",
    "Evaluator",
    "GameMaker",
    "Gate",
    "GreedyPlayer",
    "GtpEngine",
    "GtpPlayer",
    "HistoryPlayer",
    "Iteration",
    "IterationFolder",
    "IterationOptions",
    "MatchResult",
    "MobilityPlayer",
    "NetworkEvaluator",
    "NetworkPlayer",
    "Player",
    "PolicyGames",
    "Progress",
    "RandomPlayer",
    "ReferenceSearch",
    "RunFolder",
    "SearchGames",
    "SearchOptions",
    "SearchPlayer",
    "SearchResult",
    "SelfPlayGames",
    "SelfPlayOptions",
    "Solution",
    "StrengthOptions",
    "SupervisedTraining",
    "TrainingOptions",
    "TrainingRecord",
    "TrainingSet",
    "choose_actions",
    "endgame_positions",
    "evaluate",
    "hold_out_games",
    "hold_out_year",
    "match",
    "play_endgames",
    "play_games",
    "random_openings",
    "read_card",
    "read_self_play",
    "record_match",
    "record_self_play",
    "sample_games",
    "search",
    "self_play",
    "strength_card",
    "train",
    "train_iterations",
    "train_supervised",
]
