"""The gate of AlphaZero's iterations: which candidate becomes champion."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from conceptlrp.networks import BoardNetwork
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.selfplay.arena import match
from conceptlrp.selfplay.evaluators import NetworkEvaluator
from conceptlrp.selfplay.players import Boards, NetworkPlayer, Player, Squares
from conceptlrp.selfplay.search import search
from conceptlrp.selfplay.search_options import SearchOptions, choose_actions

_SEARCH = SearchOptions(simulations=50)


class Gate(Protocol):
    """What decides whether the candidate becomes champion."""

    def __call__(
        self, candidate: BoardNetwork, champion: BoardNetwork, *, seed: int
    ) -> float:
        """Return the candidate's share of the points, a draw being half of one."""
        ...


@dataclass(frozen=True)
class ArenaGate:
    """A match of both networks from paired random openings.

    Without a search only the policies meet. What a candidate's value has learned shows
    with a search alone, and early on it is the value that learns first.

    Attributes
    ----------
    games : int
        Games, an even number.
    search : SearchOptions or None
        How both choose their moves; None for the best move of the policy alone.
    opening_plies : int
        Random moves before the networks take over.
    """

    games: int = 100
    search: SearchOptions | None = _SEARCH
    opening_plies: int = 8

    def __call__(
        self, candidate: BoardNetwork, champion: BoardNetwork, *, seed: int
    ) -> float:
        """Return the candidate's share of the points, a draw being half of one."""
        result = match(
            self._player(candidate),
            self._player(champion),
            n_pairs=max(1, self.games // 2),
            opening_plies=self.opening_plies,
            seed=seed,
        )
        return result.score

    def _player(self, network: BoardNetwork) -> Player:
        if self.search is None:
            return NetworkPlayer(network)
        return _Searcher(NetworkEvaluator(network), self.search)


@dataclass(frozen=True)
class _Searcher:
    """Plays the move that a search visits most; ties are drawn at random."""

    evaluate: NetworkEvaluator
    options: SearchOptions
    name: str = "search"

    @property
    def size(self) -> int:
        return self.evaluate.size

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        found = search(self.evaluate, own, opponent, self.options, rng=rng)
        chosen = choose_actions(found.visits, 0.0, rng)
        return squares_of_actions(chosen, size=self.size)
