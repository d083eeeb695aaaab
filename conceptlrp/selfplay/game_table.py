"""Games in progress, many at once.

Shapes use G games and M moves of a whole game. Passes are implicit: a side that
cannot move is passed over.
"""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import BLACK, NO_MOVE, Games, legal_moves, play
from conceptlrp.othello.board import start
from conceptlrp.selfplay.players import HistoryPlayer, Player


class GameTable:
    """G games in progress, each at the same number of moves unless it is over.

    Parameters
    ----------
    n : int
        Number of games.
    size : int
        Squares along one side of the board, 6 or 8.

    Attributes
    ----------
    own, opponent : ndarray of uint64, shape (G,)
        Boards as the side to move sees them.
    mover : ndarray of int64, shape (G,)
        `BLACK` or `WHITE`.
    live : ndarray of bool, shape (G,)
        Whether the game goes on.
    moves : ndarray of int8, shape (G, M)
        As in `Games`.
    ply : int
        Moves played so far in each live game.
    size : int
        As given.
    """

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
        """Return games after legal openings of equal length."""
        Games.from_moves(openings, size=size)
        table = cls(len(openings), size)
        for moves in openings.T:
            table.put(np.flatnonzero(table.live), moves[table.live])
        return table

    def move(
        self,
        black: Player | HistoryPlayer,
        white: Player | HistoryPlayer,
        rng_black: np.random.Generator,
        rng_white: np.random.Generator,
    ) -> None:
        """Let whoever is to move in each live game play one move."""
        chosen = np.full(len(self.live), NO_MOVE)
        for colour, player, rng in ((0, black, rng_black), (1, white, rng_white)):
            rows = np.flatnonzero(self.live & (self.mover == colour))
            if len(rows):
                chosen[rows] = self._ask(player, rows, rng)
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

    def _ask(
        self,
        player: Player | HistoryPlayer,
        rows: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        if isinstance(player, HistoryPlayer):
            return player.reply(self.moves[rows, : self.ply], rng)
        return player(self.own[rows], self.opponent[rows], rng)

    def _pass_over(self) -> None:
        stuck = legal_moves(self.own, self.opponent, size=self.size) == 0
        other = legal_moves(self.opponent, self.own, size=self.size) == 0
        self.live &= ~(stuck & other)
        swap = stuck & ~other
        self.own, self.opponent = (
            np.where(swap, self.opponent, self.own),
            np.where(swap, self.own, self.opponent),
        )
        self.mover = np.where(swap, 1 - self.mover, self.mover)
