"""Players: from many positions at once to one move each.

A player is called with N positions, all of which have a legal move, and a random
generator, and gives N squares. Two players that are called with equal positions and
generators of equal state play alike.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks import BoardNetwork, predict
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import flips, legal_moves
from conceptlrp.othello.board import count, square_bits
from conceptlrp.selfplay.evaluators import NetworkEvaluator
from conceptlrp.selfplay.search import search
from conceptlrp.selfplay.search_options import SearchOptions, choose_actions

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


@runtime_checkable
class HistoryPlayer(Protocol):
    """A player that is told the moves of a game instead of its board."""

    @property
    def name(self) -> str:
        """Name in results and game files."""
        ...

    @property
    def size(self) -> int:
        """Board that the player plays on, 6 or 8."""
        ...

    def reply(self, moves: NDArray[np.int8], rng: np.random.Generator) -> Squares:
        """Choose a legal square in each of G games of equally many moves."""
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
class MobilityPlayer:
    """Plays a move that leaves the fewest replies; ties are drawn at random.

    Attributes
    ----------
    size : int
        Board that it plays on.
    name : str
        Name in results.
    """

    size: int = 8
    name: str = "mobility"

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        squares = squares_of_actions(np.arange(self.size**2), size=self.size)
        turned = flips(own[:, None], opponent[:, None], squares, size=self.size)
        mine = own[:, None] | turned | square_bits(squares)
        replies = legal_moves(opponent[:, None] & ~turned, mine, size=self.size)
        drawn = count(replies) + rng.random(turned.shape)
        best = np.where(turned == 0, np.inf, drawn).argmin(axis=1)
        chosen: Squares = squares[best]
        return chosen


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


class SearchPlayer:
    """Plays the most visited move of a search with a network.

    Parameters
    ----------
    network : BoardNetwork
        Its weights at this moment are used.
    options : SearchOptions, optional
        Simulations and so on.
    name : str, optional
        Name in results; ``network`` and the simulations by default.

    Attributes
    ----------
    name, options, size
        As given, and the board of the network.
    """

    def __init__(
        self,
        network: BoardNetwork,
        options: SearchOptions | None = None,
        name: str | None = None,
    ) -> None:
        self.options = options or SearchOptions()
        self.size = network.size
        self.name = name or f"network@{self.options.simulations}"
        self._evaluate = NetworkEvaluator(network)

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        found = search(self._evaluate, own, opponent, self.options, rng=rng)
        actions = choose_actions(found.visits, 0.0, rng)
        return squares_of_actions(actions, size=self.size)
