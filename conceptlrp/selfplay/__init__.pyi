from .arena import (
    MatchResult as MatchResult,
    match as match,
)
from .iterations import (
    IterationOptions as IterationOptions,
    train_iterations as train_iterations,
)
from .players import (
    NetworkPlayer as NetworkPlayer,
    RandomPlayer as RandomPlayer,
    SearchPlayer as SearchPlayer,
)
from .puct import (
    SearchOptions as SearchOptions,
)
from .rounds import (
    SelfPlayGames as SelfPlayGames,
    SelfPlayOptions as SelfPlayOptions,
    read_self_play as read_self_play,
    self_play as self_play,
)
from .run_folder import (
    RunFolder as RunFolder,
)
from .strength import (
    StrengthOptions as StrengthOptions,
    read_card as read_card,
    strength_card as strength_card,
)
from .training import (
    train as train,
)
from .training_record import (
    TrainingOptions as TrainingOptions,
    TrainingRecord as TrainingRecord,
)
from .training_set import (
    TrainingSet as TrainingSet,
)

__all__ = [
    "IterationOptions",
    "MatchResult",
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
    "match",
    "read_card",
    "read_self_play",
    "self_play",
    "strength_card",
    "train",
    "train_iterations",
]
