"""Games that a network plays against itself, with what its search found.

Games are played in rounds of many at once. A round depends on its own seed alone, so
that rounds can be played anywhere, again, and in any order.

Shapes use G games, P positions (in the order of `Corpus.from_games`) and A actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello import Corpus, Games
from conceptlrp.othello.board import start
from conceptlrp.othello.symmetry import turn, turn_squares
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.arena import GameTable, random_openings
from conceptlrp.selfplay.evaluators import Evaluator, NetworkEvaluator
from conceptlrp.selfplay.puct import SearchOptions, choose_actions, search


@dataclass(frozen=True, kw_only=True)
class SelfPlayOptions:
    """How a network plays against itself.

    Attributes
    ----------
    search : SearchOptions or None
        By default with a quarter of noise at the root; None draws moves from the
        policy alone.
    temperature : float
        A move is drawn with a probability proportional to
        ``visits ** (1 / temperature)``, or so from the policy without a search; at 0
        the most visited one is played.
    temperature_moves : int or None
        Moves from the start of the game after which the most visited one is played;
        None keeps the temperature throughout.
    opening_plies : int
        Random moves before the network takes over.
    symmetries : bool
        Turn each finished game by a random one of the symmetries that keep the
        start, so that every first move occurs.
    together : int
        Games of a round.
    """

    search: SearchOptions | None = field(
        default_factory=lambda: SearchOptions(noise=0.25)
    )
    temperature: float = 1.0
    temperature_moves: int | None = 20
    opening_plies: int = 6
    symmetries: bool = True
    together: int = 256

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.opening_plies < 0 or self.together < 1:
            msg = (
                f"temperature is {self.temperature}, opening_plies "
                f"{self.opening_plies} and together {self.together}, expected 0 or "
                "more, 0 or more, and 1 or more"
            )
            raise ValueError(msg)

    def temperature_at(self, ply: int) -> float:
        """Return the temperature of a move."""
        cold = self.temperature_moves is not None and ply >= self.temperature_moves
        return 0.0 if cold else self.temperature


@dataclass(frozen=True, eq=False, repr=False)
class SelfPlayGames:
    """Games, and what was found in each of their positions.

    Attributes
    ----------
    games : Games
        Finished games.
    visits : ndarray of int32, shape (P, A)
        Of the search; all 0 in a random opening and where nothing was searched.
    value : ndarray of float32, shape (P,)
        Of the search, or of the network without one; NaN in a random opening.
    """

    games: Games
    visits: NDArray[np.int32]
    value: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"SelfPlayGames({len(self.games)} games, {len(self.value)} positions)"

    @property
    def corpus(self) -> Corpus:
        """The positions, to which the rows of ``visits`` and ``value`` belong."""
        return Corpus.from_games(self.games)

    @staticmethod
    def concatenate(parts: Sequence["SelfPlayGames"]) -> "SelfPlayGames":
        """Join games of one board size."""
        return SelfPlayGames(
            Games.concatenate([part.games for part in parts]),
            np.concatenate([part.visits for part in parts]),
            np.concatenate([part.value for part in parts]),
        )

    def take(self, games: NDArray[np.integer]) -> "SelfPlayGames":
        """Choose games by their rows, with all of their positions."""
        length = (self.games.moves >= 0).sum(axis=1)
        first = np.cumsum(length) - length
        rows = [np.arange(first[game], first[game] + length[game]) for game in games]
        chosen = np.concatenate([np.empty(0, np.int64), *rows])
        return SelfPlayGames(
            self.games.take(games), self.visits[chosen], self.value[chosen]
        )


def play_round(
    evaluate: Evaluator,
    *,
    options: SelfPlayOptions | None = None,
    seed: int | list[int] = 0,
    name: str = "network",
    on_progress: OnProgress | None = None,
) -> SelfPlayGames:
    """Play ``options.together`` games at once, of which some may be equal.

    A `NetworkEvaluator` forgets what it remembers first; progress is called with
    "moves", the moves made so far in each game and the most there can be.
    """
    chosen = options or SelfPlayOptions()
    if isinstance(evaluate, NetworkEvaluator):
        evaluate.forget()
    rng = np.random.default_rng(seed)
    size = evaluate.size
    openings = random_openings(
        chosen.together,
        chosen.opening_plies,
        seed=int(rng.integers(1 << 62)),
        size=size,
    )
    table = GameTable.after(openings, size)
    visits = np.zeros((*table.moves.shape, size * size + 1), np.int32)
    value = np.full(table.moves.shape, np.nan, np.float32)
    while table.live.any():
        rows, ply = np.flatnonzero(table.live), table.ply
        boards = table.own[rows], table.opponent[rows]
        if chosen.search is None:
            priors, value[rows, ply] = evaluate(*boards)
            # A prior that rounds to 0 must not leave a position without a move.
            legal = legal_actions(*boards, size=size)
            weights = np.maximum(priors, legal * np.finfo(np.float32).tiny)
        else:
            found = search(evaluate, *boards, options=chosen.search, rng=rng)
            weights, value[rows, ply] = found.visits, found.value
            visits[rows, ply] = found.visits
        actions = choose_actions(weights, chosen.temperature_at(ply), rng)
        table.put(rows, squares_of_actions(actions, size=size))
        if on_progress is not None:
            on_progress("moves", table.ply, size**2 - 4)
    games = Games.from_moves(table.moves, size=size, black=name, white=name)
    there = table.moves >= 0
    played = SelfPlayGames(games, visits[there], value[there])
    return _turned(played, rng) if chosen.symmetries else played


def _turned(played: SelfPlayGames, rng: np.random.Generator) -> SelfPlayGames:
    """Turn each game by a random symmetry that keeps the start."""
    games = played.games
    discs = start(games.size)
    kept = [s for s in range(8) if tuple(map(int, turn(discs, s))) == discs]
    drawn = rng.choice(kept, size=len(games))
    moves = turn_squares(games.moves, drawn[:, None])
    of_position = np.repeat(drawn, (games.moves >= 0).sum(axis=1))
    visits = np.empty_like(played.visits)
    places = turned_actions(games.size)[of_position]
    np.put_along_axis(visits, places, played.visits, axis=1)
    return SelfPlayGames(replace(games, moves=moves), visits, played.value)


def turned_actions(size: int) -> NDArray[np.int64]:
    """Return where each symmetry takes each action, of shape (8, A)."""
    squares = squares_of_actions(np.arange(size * size + 1), size=size)
    turned = turn_squares(squares, np.arange(8)[:, None])
    return actions_of_squares(turned, size=size)
