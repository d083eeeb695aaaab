"""Exact endgames: alpha-beta over bitboards, for positions with few empty squares.

A score is the difference of discs at the end for the player to move, the empty squares
being given to the winner, under perfect play of both sides. One position is solved at
a time with Python integers: which discs a move turns over depends on the lines through
its square only, and these take few forms in an endgame, so they are looked up.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from conceptlrp.othello import Corpus, play
from conceptlrp.othello.board import count, flip_words, region_of, squares
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.players import BoardPlayer

_INFINITY: Final = 65
# Below so many empty squares, looking a position up costs more than it saves.
_REMEMBERED: Final = 4
# And so many are needed for ordering moves by the replies they leave.
_ORDERED: Final = 5
_MOST_LINES: Final = 1 << 20


class EndgameSolver:
    """Solves endgames, and remembers the lines that it has met.

    A position is given as the discs of the player to move and of the other one; each
    empty square more takes about three times as long.
    """

    def __init__(self, size: int = 8) -> None:
        self.region = region_of(size)
        self._all = self.region.bit_count()
        self._stars = {square: _star(square) for square in squares(self.region)}
        self._flips: dict[tuple[int, int, int], int] = {}
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def score(self, own: int, opponent: int) -> int:
        """Score a position for the player to move."""
        self._known.clear()
        if len(self._flips) > _MOST_LINES:
            self._flips.clear()
        empties = tuple(squares(self.region & ~(own | opponent)))
        return self._search(own, opponent, -_INFINITY, _INFINITY, empties)

    def _search(
        self, own: int, opponent: int, low: int, high: int, empties: tuple[int, ...]
    ) -> int:
        """Score a position within a window; outside it, a bound (fail-soft)."""
        remembered = len(empties) >= _REMEMBERED
        if remembered:
            least, most = self._known.get((own, opponent), (-_INFINITY, _INFINITY))
            if least >= high or least == most:
                return least
            if most <= low:
                return most
            low, high = max(low, least), min(high, most)
        moves = self._moves(own, opponent, empties)
        if not moves:
            if not self._moves(opponent, own, empties):
                return self._difference(own, opponent)
            return -self._search(opponent, own, -high, -low, empties)
        best = self._best(moves, low, high)
        if remembered:
            # At the edge of the window or beyond, the score is only a bound.
            least = best if best > low else -_INFINITY
            most = best if best < high else _INFINITY
            self._known[own, opponent] = least, most
        return best

    def _best(
        self, moves: list[tuple[int, int, int, tuple[int, ...]]], low: int, high: int
    ) -> int:
        best = -_INFINITY
        for _, theirs, mine, left in moves:
            score = -self._search(theirs, mine, -high, -max(low, best), left)
            if score > best:
                best = score
                if best >= high:
                    break
        return best

    def _moves(
        self, own: int, opponent: int, empties: tuple[int, ...]
    ) -> list[tuple[int, int, int, tuple[int, ...]]]:
        """List the moves, the likely best first: square, both boards after, empties."""
        moves = []
        for place, square in enumerate(empties):
            turned = self._turned(own, opponent, square)
            if turned:
                left = empties[:place] + empties[place + 1 :]
                mine = own | turned | 1 << square
                moves.append((square, opponent & ~turned, mine, left))
        if len(moves) > 1 and len(empties) >= _ORDERED:
            moves.sort(key=self._replies)
        return moves

    def _replies(self, move: tuple[int, int, int, tuple[int, ...]]) -> int:
        """Count the replies to a move, those in corners twice."""
        _, theirs, mine, left = move
        return sum(
            1 + (square in _CORNERS)
            for square in left
            if self._turned(theirs, mine, square)
        )

    def _turned(self, own: int, opponent: int, square: int) -> int:
        star = self._stars[square]
        key = square, own & star, opponent & star
        found = self._flips.get(key)
        if found is None:
            found = int(flip_words(key[1], key[2], 1 << square))
            self._flips[key] = found
        return found

    def _difference(self, own: int, opponent: int) -> int:
        mine, theirs = own.bit_count(), opponent.bit_count()
        if mine == theirs:
            return 0
        empty = self._all - mine - theirs
        return mine - theirs + (empty if mine > theirs else -empty)


_CORNERS: Final = frozenset((0, 7, 56, 63))


def _star(square: int) -> int:
    """Return the squares on the eight lines from a square."""
    rank, file = divmod(square, 8)
    return sum(
        1 << 8 * r + f
        for r in range(8)
        for f in range(8)
        if (r, f) != (rank, file)
        and (r == rank or f == file or abs(r - rank) == abs(f - file))
    )


@dataclass(frozen=True)
class EndgameResult:
    """Share of moves that lose nothing against perfect play, and mean discs lost."""

    positions: int
    best_moves: float
    disc_loss: float


def endgame_positions(
    corpus: Corpus, n: int, *, most_empties: int = 10, seed: int = 0
) -> Corpus:
    """Draw at most n positions with few empty squares and a choice of moves."""
    empties = corpus.size**2 - count(corpus.own | corpus.opponent).astype(int)
    fit = (empties <= most_empties) & (count(corpus.legal) > 1)
    return corpus[fit].sample(n, seed=seed)


def play_endgames(
    player: BoardPlayer,
    corpus: Corpus,
    *,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> EndgameResult:
    """Compare the moves of a player with perfect play; see `endgame_positions`."""
    if not len(corpus):
        msg = "no position has few enough empty squares and a choice of moves"
        raise ValueError(msg)
    chosen = player(corpus.own, corpus.opponent, np.random.default_rng(seed))
    after = play(corpus.own, corpus.opponent, chosen, size=corpus.size)
    solver = EndgameSolver(corpus.size)
    losses = []
    for row in range(len(corpus)):
        best = solver.score(int(corpus.own[row]), int(corpus.opponent[row]))
        got = -solver.score(int(after[0][row]), int(after[1][row]))
        losses.append(best - got)
        if on_progress is not None:
            on_progress("endgames", row + 1, len(corpus))
    lost = np.array(losses)
    return EndgameResult(
        len(corpus), float((lost == 0).mean()), round(float(lost.mean()), 4)
    )
