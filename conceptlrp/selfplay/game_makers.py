"""Games to learn from: what AlphaZero's iterations ask for, and games without search.

A maker is called with a network, a number of games and a seed. One with search gives
its visit counts as `TrainingSet.from_visits`.
"""

from dataclasses import dataclass
from typing import Protocol

from conceptlrp.networks import BoardNetwork
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.games import sample_games
from conceptlrp.selfplay.training_set import TrainingSet


class GameMaker(Protocol):
    """What makes the games of an iteration."""

    def __call__(
        self, network: BoardNetwork, n_games: int, *, seed: int
    ) -> TrainingSet:
        """Play games of a network against itself and tell what to learn from them."""
        ...


@dataclass(frozen=True)
class PolicyGames:
    """Games drawn from the policy, without search; the moves are what is learned.

    Attributes
    ----------
    temperature : float
        See `sample_games`.
    opening_plies : int
        Random moves before the network takes over.
    """

    temperature: float = 0.5
    opening_plies: int = 6

    def __call__(
        self, network: BoardNetwork, n_games: int, *, seed: int
    ) -> TrainingSet:
        """Play games of a network against itself and tell what to learn from them."""
        games = sample_games(
            network,
            n_games,
            temperature=self.temperature,
            opening_plies=self.opening_plies,
            seed=seed,
        )
        return TrainingSet.from_corpus(Corpus.from_games(games))
