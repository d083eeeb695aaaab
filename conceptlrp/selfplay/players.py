"""Players: from many positions at once to one move each.

A player is called with N positions, all of which have a legal move, and a random
generator, and gives N squares. Two players that are called with equal positions and
generators of equal state play alike.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks import BoardNetwork, predict
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import flips, legal_moves
from conceptlrp.othello.board import count, square_bits
from conceptlrp.selfplay.evaluators import Boards, NetworkEvaluator
from conceptlrp.selfplay.puct import SearchOptions, choose_actions, search

Squares: TypeAlias = NDArray[np.int64]


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...


class BoardPlayer(_Named, Protocol):
    """A player that is shown boards."""

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        ...


@runtime_checkable
class HistoryPlayer(_Named, Protocol):
    """A player that is told the moves of a game instead of its board."""

    def reply(self, moves: NDArray[np.int8], rng: np.random.Generator) -> Squares:
        """Choose a legal square in each of G games of equally many moves."""
        ...


Player: TypeAlias = BoardPlayer | HistoryPlayer


@dataclass(frozen=True)
class RandomPlayer:
    """Plays any legal move with equal probability.

    Attributes
    ----------
    size, name
        Side of the board, 6 or 8, and name in results.
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
    """Plays a move that flips the most discs; ties are drawn at random."""

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
        return np.asarray(np.where(legal == 1, drawn, -1.0).argmax(axis=1))


@dataclass(frozen=True)
class MobilityPlayer:
    """Plays a move that leaves the fewest replies; ties are drawn at random."""

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
        return np.asarray(squares[best])


@dataclass(frozen=True)
class NetworkPlayer:
    """Plays the best legal move of a network's policy, without search.

    Attributes
    ----------
    network : BoardNetwork
        Its value is not used.
    name : str
        Name in results and game files.
    """

    network: BoardNetwork
    name: str = "network"

    @property
    def size(self) -> int:
        """Side of the network's board."""
        return self.network.size

    def __call__(
        self, own: Boards, opponent: Boards, rng: np.random.Generator
    ) -> Squares:
        """Choose a legal square in each of N positions."""
        del rng
        return predict(self.network, own, opponent, batch_size=512).best


class SearchPlayer:
    """Plays the most visited move of a search; ties are drawn at random.

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
        As given, and the side of the network's board.
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
        found = search(self._evaluate, own, opponent, options=self.options, rng=rng)
        actions = choose_actions(found.visits, 0.0, rng)
        return squares_of_actions(actions, size=self.size)
