"""Play and training: networks learn from games, players meet in the arena."""

from conceptlrp.selfplay.arena import MatchResult, match, play_games, random_openings
from conceptlrp.selfplay.evaluation import Evaluation, evaluate
from conceptlrp.selfplay.evaluators import Evaluator, NetworkEvaluator
from conceptlrp.selfplay.games import sample_games
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    NetworkPlayer,
    Player,
    RandomPlayer,
)
from conceptlrp.selfplay.progress import Progress, TrainingOptions, TrainingRecord
from conceptlrp.selfplay.reference_search import ReferenceSearch
from conceptlrp.selfplay.search import search
from conceptlrp.selfplay.search_options import (
    SearchOptions,
    SearchResult,
    choose_actions,
)
from conceptlrp.selfplay.training import SupervisedTraining, train, train_supervised

__all__ = [
    "Evaluation",
    "Evaluator",
    "GreedyPlayer",
    "MatchResult",
    "NetworkEvaluator",
    "NetworkPlayer",
    "Player",
    "Progress",
    "RandomPlayer",
    "ReferenceSearch",
    "SearchOptions",
    "SearchResult",
    "SupervisedTraining",
    "TrainingOptions",
    "TrainingRecord",
    "choose_actions",
    "evaluate",
    "match",
    "play_games",
    "random_openings",
    "sample_games",
    "search",
    "train",
    "train_supervised",
]
