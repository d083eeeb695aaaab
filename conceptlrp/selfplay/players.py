"""Players: from many positions at once to one move each.

A player is called with N positions, all of which have a legal move, and a random
generator, and gives N squares. Two players that are called with equal positions and
generators of equal state play alike.

Engines speak the Go Text Protocol, as processes of their own. An engine gets each game
anew: the board is cleared, the moves are played, with passes as far as it takes them,
and it is asked for one. So it needs no memory from one question to the next, and one
process can play many games.
"""

import os
import select
import shlex
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import EngineError, NotationError
from conceptlrp.networks import predict
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import (
    PASS,
    Position,
    flips,
    legal_moves,
    parse_square,
    square_name,
    transcript_text,
)
from conceptlrp.othello.board import count, square_bits
from conceptlrp.selfplay.puct import (
    Boards,
    NetworkEvaluator,
    Rng,
    SearchOptions,
    choose_actions,
    search,
)

Squares: TypeAlias = NDArray[np.int64]


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...


class BoardPlayer(_Named, Protocol):
    """A player that is shown boards."""

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
        """Choose a legal square in each of N positions."""


@runtime_checkable
class HistoryPlayer(_Named, Protocol):
    """A player that is told the moves of a game instead of its board."""

    def reply(self, moves: NDArray[np.int8], rng: Rng) -> Squares:
        """Choose a legal square in each of G games of equally many moves."""


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

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
        """Choose a legal square in each of N positions."""
        legal = legal_actions(own, opponent, size=self.size)
        drawn = np.where(legal, rng.random(legal.shape), -1.0)
        return squares_of_actions(drawn.argmax(axis=1), size=self.size)


@dataclass(frozen=True)
class GreedyPlayer:
    """Plays a move that flips the most discs; ties are drawn at random."""

    size: int = 8
    name: str = "greedy"

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
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

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
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
    network : Module or path
        Its value is not used.
    name : str
        Name in results and game files.
    """

    network: AnyNetwork
    name: str = "network"

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", checked_network(self.network))

    @property
    def size(self) -> int:
        """Side of the network's board."""
        return checked_network(self.network).size

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
        """Choose a legal square in each of N positions."""
        del rng
        network = checked_network(self.network)
        return predict(network, own, opponent, batch_size=512).best


class SearchPlayer:
    """Plays the most visited move of a search; ties are drawn at random.

    Parameters
    ----------
    network : Module or path
        Its weights at this moment are used.
    options : SearchOptions, optional
        Simulations and so on.
    name : str, optional
        Name in results; ``network`` and the simulations by default.
    """

    def __init__(
        self,
        network: AnyNetwork,
        options: SearchOptions | None = None,
        name: str | None = None,
    ) -> None:
        self.options = options or SearchOptions()
        self._evaluate = NetworkEvaluator(network)
        self.size = self._evaluate.size
        self.name = name or f"network@{self.options.simulations}"

    def __call__(self, own: Boards, opponent: Boards, rng: Rng) -> Squares:
        """Choose a legal square in each of N positions."""
        found = search(self._evaluate, own, opponent, options=self.options, rng=rng)
        actions = choose_actions(found.visits, 0.0, rng)
        return squares_of_actions(actions, size=self.size)


_COLORS = ("black", "white")


class GtpEngine:
    """A process, such as ``gtp-rhino``, that is sent commands and answers each."""

    def __init__(self, command: str, *, timeout: float = 60.0) -> None:
        self.command = command
        self.timeout = timeout
        self._read = b""
        try:
            self._process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, ValueError, IndexError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            msg = f"engine '{command}': cannot be started: {reason.lower()}"
            raise EngineError(msg) from error

    def __enter__(self) -> "GtpEngine":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def ask(self, text: str) -> str:
        """Send a command and return the answer without its sign of success."""
        answer = self._exchange(text)
        if not answer.startswith("="):
            reason = f"failed: {answer.lstrip('?').strip() or 'without a reason'}"
            raise self._error(text, reason)
        return answer[1:].strip()

    def offer(self, text: str) -> bool:
        """Send a command that the engine may refuse, and return whether it did not."""
        return self._exchange(text).startswith("=")

    def close(self) -> None:
        """End the process, which may have ended before."""
        for pipe in (self._process.stdin, self._process.stdout):
            # What was not sent is not needed any more.
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.kill()
        self._process.wait()

    def _exchange(self, text: str) -> str:
        """Send a command and return the answer with its sign."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{text}\n".encode())
            self._process.stdin.flush()
        # A pipe that was closed here is a ValueError.
        except (OSError, ValueError) as error:
            raise self._error(text, self._end()) from error
        return self._answer(text)

    def _answer(self, text: str) -> str:
        """Read up to the empty line that ends an answer."""
        assert self._process.stdout is not None
        until = time.monotonic() + self.timeout
        while b"\n\n" not in self._read:
            left = until - time.monotonic()
            ready, _, _ = select.select([self._process.stdout], [], [], max(left, 0))
            if not ready:
                self.close()
                reason = f"gave no answer in {self.timeout:g} s and was ended"
                raise self._error(text, reason)
            content = os.read(self._process.stdout.fileno(), 1 << 16)
            if not content:
                raise self._error(text, self._end())
            self._read += content.replace(b"\r", b"")
        answer, _, self._read = self._read.partition(b"\n\n")
        return answer.decode("utf-8", "replace").strip()

    def _end(self) -> str:
        """Say how the process ended."""
        self.close()
        code = self._process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"ended ({how})"

    def _error(self, text: str, reason: str) -> EngineError:
        return EngineError(f"engine '{self.command}': '{text}': {reason}")


class GtpPlayer:
    """Lets a running engine play in the arena, by the name that it calls itself."""

    def __init__(
        self, engine: GtpEngine, *, size: int = 8, name: str | None = None
    ) -> None:
        self.engine, self.size = engine, size
        self.name = name or engine.ask("name")
        engine.ask(f"boardsize {size}")

    def reply(self, moves: NDArray[np.int8], rng: Rng) -> Squares:
        """Choose a legal square in each of G games, from their moves (G, plies)."""
        # An engine draws its own random numbers.
        del rng
        return np.array([self._reply(game) for game in moves.tolist()], np.int64)

    def _reply(self, moves: list[int]) -> int:
        self.engine.ask("clear_board")
        position = self._passed(Position.start(self.size))
        for move in moves:
            if move >= 0:
                name = square_name(move, self.size)
                self.engine.ask(f"play {_COLORS[position.mover]} {name}")
                position = self._passed(position.play(move))
        answer = self.engine.ask(f"genmove {_COLORS[position.mover]}")
        return self._square(answer, position, moves)

    def _passed(self, position: Position) -> Position:
        """Tell of a pass, where one is due."""
        if not position.must_pass:
            return position
        # gtp-rhino passes by itself and does not know the word.
        self.engine.offer(f"play {_COLORS[position.mover]} pass")
        return position.play(PASS)

    def _square(self, answer: str, position: Position, moves: list[int]) -> int:
        try:
            square = parse_square(answer, self.size)
        except NotationError:
            square = PASS
        if square != PASS and position.legal_word >> square & 1:
            return square
        color = _COLORS[position.mover]
        before = transcript_text(moves, self.size)
        msg = (
            f"engine '{self.engine.command}': answers '{answer}' for {color} after "
            f"'{before}', which is no legal move"
        )
        raise EngineError(msg)
