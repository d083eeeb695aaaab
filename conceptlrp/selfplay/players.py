"""Players: from many positions at once to one move each.

A player is called with N positions, all of which have a legal move, and a random
generator, and gives N squares. Two players that are called with equal positions and
generators of equal state play alike.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks import BoardNetwork, legal_actions, predict, squares_of_actions
from conceptlrp.othello import count, flips, legal_moves

Boards = NDArray[np.uint64]
Squares = NDArray[np.int64]


class Player(Protocol):
    """What the arena asks of a player."""

    @property
    def name(self) -> str:
        """Name in results and game files."""
        ...

    @property
    def size(self) -> int:
        """Board that the player plays on, 6 or 8."""
        ...

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        ...


@dataclass(frozen=True)
class RandomPlayer:
    """Plays any legal move with equal probability.

    Attributes
    ----------
    size : int
        Board that it plays on.
    name : str
        Name in results.
    """

    size: int = 8
    name: str = "random"

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        legal = legal_actions(own, opponent, size=self.size)
        drawn = np.where(legal, rng.random(legal.shape), -1.0)
        return squares_of_actions(drawn.argmax(axis=1), size=self.size)


@dataclass(frozen=True)
class GreedyPlayer:
    """Plays a move that flips the most discs; ties are drawn at random.

    Attributes
    ----------
    size : int
        Board that it plays on.
    name : str
        Name in results.
    """

    size: int = 8
    name: str = "greedy"

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        squares = np.arange(64)
        turned = count(flips(own[:, None], opponent[:, None], squares))
        moves = legal_moves(own, opponent, size=self.size)
        legal = (moves[:, None] >> squares.astype(np.uint64)) & np.uint64(1)
        drawn = turned + rng.random(turned.shape)
        best: Squares = np.where(legal == 1, drawn, -1.0).argmax(axis=1)
        return best


@dataclass(frozen=True)
class NetworkPlayer:
    """Plays from a network's policy over the legal moves, without search.

    Attributes
    ----------
    network : BoardNetwork
        Its value is not used.
    temperature : float
        0 plays the best move; otherwise a move with logit z is drawn with a
        probability proportional to ``exp(z / temperature)``.
    name : str
        Name in results and game files.
    """

    network: BoardNetwork
    temperature: float = 0.0
    name: str = "network"

    def __post_init__(self) -> None:
        if self.temperature < 0:
            message = f"temperature is {self.temperature}, expected 0 or more"
            raise ValueError(message)

    @property
    def size(self) -> int:
        """Board that the network plays on."""
        return self.network.size

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        said = predict(self.network, own, opponent, batch_size=512)
        if self.temperature == 0:
            return said.best
        legal = legal_actions(own, opponent, size=self.size)
        # The highest of logits with Gumbel noise is a draw from their softmax.
        noisy = said.logits / self.temperature + rng.gumbel(size=legal.shape)
        chosen = np.where(legal, noisy, -np.inf).argmax(axis=1)
        return squares_of_actions(chosen, size=self.size)
