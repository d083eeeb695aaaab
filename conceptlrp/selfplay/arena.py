"""The arena: many games at once, and matches with paired openings.

Shapes use G games. Passes are implicit, as in every table of games here: a side
that cannot move is passed over.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello import Games
from conceptlrp.selfplay.game_table import GameTable
from conceptlrp.selfplay.players import HistoryPlayer, Player, RandomPlayer


@dataclass(frozen=True)
class MatchResult:
    """Result of a match, seen by the first player.

    Attributes
    ----------
    wins, draws, losses : int
        Games.
    wiped_out : int
        Losses at the end of which the first player had no disc left. A policy
        without search is blind to them, so they are told apart.
    """

    wins: int
    draws: int
    losses: int
    wiped_out: int

    @classmethod
    def of_margins(cls, margins: NDArray[np.integer], squares: int) -> "MatchResult":
        """Count games.

        Parameters
        ----------
        margins : ndarray of int, shape (G,)
            Discs of the first player minus those of the second, the empty squares
            being given to the winner.
        squares : int
            Squares of the board.

        Returns
        -------
        MatchResult
            Seen by the first player.
        """
        return cls(
            wins=int((margins > 0).sum()),
            draws=int((margins == 0).sum()),
            losses=int((margins < 0).sum()),
            wiped_out=int((margins == -squares).sum()),
        )

    @property
    def games(self) -> int:
        """Number of games."""
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Share of the points, a draw being half of one."""
        return (self.wins + self.draws / 2) / self.games

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Return Wilson's interval of the score, of 95 % by default.

        References
        ----------
        Wilson, J. Am. Stat. Assoc. 22 (1927), doi:10.1080/01621459.1927.10502953.

        Examples
        --------
        >>> low, high = MatchResult(wins=8, draws=0, losses=2, wiped_out=1).interval()
        >>> round(low, 3), round(high, 3)
        (0.49, 0.943)
        """
        n, p = self.games, self.score
        centre = p + z * z / (2 * n)
        spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"{self.wins} wins, {self.draws} draws, {self.losses} losses "
            f"({self.wiped_out} by wipe-out) in {self.games} games: "
            f"{self.score:.1%} [{low:.1%}, {high:.1%}]"
        )


def match(
    first: Player | HistoryPlayer,
    second: Player | HistoryPlayer,
    *,
    n_pairs: int = 100,
    opening_plies: int = 8,
    seed: int = 0,
) -> MatchResult:
    """Let two players meet, twice from each random opening with colours swapped.

    Parameters
    ----------
    first, second : Player
        For boards of the same size.
    n_pairs : int
        Openings; twice as many games are played.
    opening_plies : int
        Random moves before the players take over.
    seed : int
        Seed of openings and players.

    Returns
    -------
    MatchResult
        Seen by the first player.
    """
    openings = random_openings(n_pairs, opening_plies, seed=seed, size=first.size)
    as_black = play_games(first, second, openings=openings, seed=seed + 1)
    as_white = play_games(second, first, openings=openings, seed=seed + 2)
    squares = first.size**2
    # The margin in discs, which for White is that of Black with the sign changed.
    white = squares - 2 * as_white.score.astype(int)
    margins = np.concatenate([2 * as_black.score.astype(int) - squares, white])
    return MatchResult.of_margins(margins, squares)


def random_openings(
    n: int, plies: int, *, seed: int = 0, size: int = 8
) -> NDArray[np.int8]:
    """Draw openings of random moves; where a game ends early, `NO_MOVE` follows.

    Parameters
    ----------
    n, plies : int
        Number of openings, and of moves in each.
    seed : int
        Seed of the moves.
    size : int
        Squares along one side of the board, 6 or 8.

    Returns
    -------
    ndarray of int8, shape (n, plies)
        Legal moves; openings may coincide.
    """
    rng = np.random.default_rng(seed)
    table = GameTable(n, size)
    player = RandomPlayer(size)
    for _ in range(plies):
        table.move(player, player, rng, rng)
    return table.moves[:, :plies]


def play_games(
    black: Player | HistoryPlayer,
    white: Player | HistoryPlayer,
    *,
    openings: ArrayLike | None = None,
    n: int = 1,
    seed: int = 0,
) -> Games:
    """Play games to their end, all of them at once.

    Parameters
    ----------
    black, white : Player
        For boards of the same size.
    openings : array_like of int, shape (G, plies), optional
        Legal moves from which the games go on, one row a game.
    n : int
        Number of games where no openings are given.
    seed : int
        Seed of both players.

    Returns
    -------
    Games
        With the players' names.

    Raises
    ------
    IllegalMoveError
        If an opening has an illegal move.
    ValueError
        If the players play on boards of different size.
    """
    if black.size != white.size:
        message = f"players are for boards of size {black.size} and {white.size}"
        raise ValueError(message)
    size = black.size
    rng_black, rng_white = np.random.default_rng(seed).spawn(2)
    if openings is None:
        table = GameTable(n, size)
    else:
        table = GameTable.after(np.asarray(openings, dtype=np.int8), size)
    while table.live.any():
        table.move(black, white, rng_black, rng_white)
    return Games.from_moves(table.moves, size=size, black=black.name, white=white.name)
