"""Games to learn from: what makes them for AlphaZero's iterations.

A maker is called with a network, a number of games and a seed: `SearchGames` teach
the visits of a search, `PolicyGames` the moves that the policy chose alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from conceptlrp.networks import BoardNetwork
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.evaluators import NetworkEvaluator
from conceptlrp.selfplay.games import sample_games
from conceptlrp.selfplay.search_options import SearchOptions
from conceptlrp.selfplay.self_play import SelfPlayOptions, self_play
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


def _with_noise() -> SelfPlayOptions:
    return SelfPlayOptions(search=SearchOptions(simulations=50, noise=0.25))


@dataclass(frozen=True)
class SearchGames:
    """Games with a tree search, whose visits are learned.

    Attributes
    ----------
    options : SelfPlayOptions
        Search, temperature, games at a time and so on; by default 50 simulations
        with noise at the root.
    value_share : float
        See `TrainingSet.from_self_play`.
    """

    options: SelfPlayOptions = field(default_factory=_with_noise)
    value_share: float = 0.0

    def __call__(
        self, network: BoardNetwork, n_games: int, *, seed: int
    ) -> TrainingSet:
        """Play games of a network against itself and tell what to learn from them."""
        evaluate = NetworkEvaluator(network)
        parts = [
            self_play(evaluate, n, options=self.options, seed=[seed, number])
            for number, n in enumerate(self._rounds(n_games))
        ]
        share = self.value_share
        return TrainingSet.concatenate(
            [TrainingSet.from_self_play(part, value_share=share) for part in parts]
        )

    def _rounds(self, n_games: int) -> Iterator[int]:
        """Give the number of games of each round."""
        for first in range(0, n_games, self.options.together):
            yield min(self.options.together, n_games - first)
