"""The gate of AlphaZero's iterations: which candidate becomes champion."""

from dataclasses import dataclass
from typing import Protocol

from conceptlrp.networks import BoardNetwork
from conceptlrp.selfplay.arena import match
from conceptlrp.selfplay.players import NetworkPlayer


class Gate(Protocol):
    """What decides whether the candidate becomes champion."""

    def __call__(
        self, candidate: BoardNetwork, champion: BoardNetwork, *, seed: int
    ) -> float:
        """Return the candidate's share of the points, a draw being half of one."""
        ...


@dataclass(frozen=True)
class ArenaGate:
    """A match of both networks without search, from paired random openings.

    Attributes
    ----------
    games : int
        Games, an even number.
    opening_plies : int
        Random moves before the networks take over.
    """

    games: int = 100
    opening_plies: int = 8

    def __call__(
        self, candidate: BoardNetwork, champion: BoardNetwork, *, seed: int
    ) -> float:
        """Return the candidate's share of the points, a draw being half of one."""
        result = match(
            NetworkPlayer(candidate),
            NetworkPlayer(champion),
            n_pairs=max(1, self.games // 2),
            opening_plies=self.opening_plies,
            seed=seed,
        )
        return result.score
