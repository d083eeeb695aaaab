"""The arena: many games at once, and matches of two players with paired openings.

The games of a match come in pairs from one opening: the first player has Black, then
White.

Shapes use G games and M moves of a whole game. Passes are implicit: a side that cannot
move is passed over.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.othello import BLACK, NO_MOVE, Games, legal_moves, play
from conceptlrp.othello.board import start
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.players import HistoryPlayer, Player, RandomPlayer, Squares
from conceptlrp.selfplay.puct import Rng


class GameTable:
    """G games after ``ply`` moves, unless over; boards (G,) are the mover's."""

    def __init__(self, n: int, size: int) -> None:
        own, opponent = start(size)
        self.size = size
        self.own = np.full(n, own, dtype=np.uint64)
        self.opponent = np.full(n, opponent, dtype=np.uint64)
        self.mover = np.full(n, BLACK)
        self.live = np.ones(n, dtype=bool)
        self.moves = np.full((n, size * size - 4), NO_MOVE, dtype=np.int8)
        self.ply = 0
        self._pass_over()

    @classmethod
    def after(cls, openings: NDArray[np.int8], size: int) -> "GameTable":
        """Return games after openings of equal length; they must be legal."""
        Games.from_moves(openings, size=size)
        table = cls(len(openings), size)
        for moves in openings.T:
            table.put(np.flatnonzero(table.live), moves[table.live])
        return table

    def move(self, black: Player, white: Player, rngs: Sequence[Rng]) -> None:
        """Let the side to move in each live game play one move."""
        chosen = np.full(len(self.live), NO_MOVE)
        for colour, player in enumerate((black, white)):
            rows = np.flatnonzero(self.live & (self.mover == colour))
            if len(rows):
                chosen[rows] = self._ask(player, rows, rngs[colour])
        rows = np.flatnonzero(self.live)
        self.put(rows, chosen[rows])

    def put(self, rows: NDArray[np.int64], squares: NDArray[np.integer]) -> None:
        """Play one move in each of these games, then pass over stuck sides."""
        self.moves[rows, self.ply] = squares
        own, opponent = play(self.own[rows], self.opponent[rows], squares)
        self.own[rows], self.opponent[rows] = own, opponent
        self.mover[rows] = 1 - self.mover[rows]
        self.ply += 1
        self._pass_over()

    def _ask(self, player: Player, rows: Squares, rng: Rng) -> Squares:
        if isinstance(player, HistoryPlayer):
            return player.reply(self.moves[rows, : self.ply], rng)
        return player(self.own[rows], self.opponent[rows], rng)

    def _pass_over(self) -> None:
        stuck = legal_moves(self.own, self.opponent, size=self.size) == 0
        other = legal_moves(self.opponent, self.own, size=self.size) == 0
        self.live &= ~(stuck & other)
        rows = np.flatnonzero(stuck & ~other)
        self.own[rows], self.opponent[rows] = self.opponent[rows], self.own[rows]
        self.mover[rows] = 1 - self.mover[rows]


def random_openings(
    n: int, plies: int, *, seed: int = 0, size: int = 8
) -> NDArray[np.int8]:
    """Draw openings of random moves (n, plies), `NO_MOVE` after an early end."""
    rng = np.random.default_rng(seed)
    table = GameTable(n, size)
    player = RandomPlayer(size)
    for _ in range(plies):
        table.move(player, player, (rng, rng))
    return table.moves[:, :plies]


def play_games(
    black: Player,
    white: Player,
    *,
    openings: ArrayLike | None = None,
    count: int = 1,
    seed: int = 0,
) -> Games:
    """Play games to their end, all at once, so many or from openings (G, plies)."""
    if black.size != white.size:
        msg = f"players are for boards of size {black.size} and {white.size}"
        raise ValueError(msg)
    size = black.size
    rngs = np.random.default_rng(seed).spawn(2)
    if openings is None:
        table = GameTable(count, size)
    else:
        table = GameTable.after(np.asarray(openings, dtype=np.int8), size)
    while table.live.any():
        table.move(black, white, rngs)
    return Games.from_moves(table.moves, size=size, black=black.name, white=white.name)


def check_even(name: str, count: int) -> None:
    """Refuse games that do not come in pairs."""
    if count < 2 or count % 2:
        msg = f"{name} is {count}, expected an even number of games"
        raise ValueError(msg)


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

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, the score and its interval, ready for JSON."""
        found = {"score": self.score, "interval": list(self.interval())}
        return asdict(self) | found

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"{self.wins} wins, {self.draws} draws, {self.losses} losses "
            f"({self.wiped_out} by wipe-out) in {self.games} games: "
            f"{self.score:.1%} [{low:.1%}, {high:.1%}]"
        )


def match(
    first: Player,
    second: Player,
    *,
    count: int = 200,
    opening_plies: int = 8,
    together: int = 200,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> MatchResult:
    """Let two players meet, twice from each random opening with colours swapped.

    Parameters
    ----------
    first, second : Player
        For boards of the same size.
    count : int
        Number of games, even.
    opening_plies : int
        Random moves before the players take over.
    together : int
        Games that are played at once, even: more are quicker with a network.
    seed : int
        Seed of openings and players.
    on_progress : callable, optional
        Called with "games", the games played so far and the games in all.

    Returns
    -------
    MatchResult
        Seen by the first player.
    """
    check_even("count", count)
    check_even("together", together)
    openings = random_openings(count // 2, opening_plies, seed=seed, size=first.size)
    blocks = []
    for begun in range(0, count, together):
        block = openings[begun // 2 :][: together // 2]
        blocks.append(play_pairs(first, second, block, seed + begun))
        if on_progress is not None:
            on_progress("games", min(begun + together, count), count)
    return count_pairs(Games.concatenate(blocks))


def count_pairs(games: Games) -> MatchResult:
    """Count games in pairs, the first player having Black, then White."""
    squares = games.size**2
    # The difference of discs, the empty squares being given to the winner.
    margins = 2 * games.score.astype(int) - squares
    margins[1::2] *= -1
    return MatchResult(
        wins=int((margins > 0).sum()),
        draws=int((margins == 0).sum()),
        losses=int((margins < 0).sum()),
        wiped_out=int((margins == -squares).sum()),
    )


def play_pairs(
    first: Player, second: Player, openings: NDArray[np.int8], seed: int
) -> Games:
    """Play each opening twice, the first player having Black, then White."""
    black = play_games(first, second, openings=openings, seed=seed + 1)
    white = play_games(second, first, openings=openings, seed=seed + 2)
    order = np.arange(2 * len(openings)).reshape(2, -1).T.ravel()
    return Games.concatenate([black, white]).take(order)
