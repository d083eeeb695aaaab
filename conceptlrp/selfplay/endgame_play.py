"""How a network plays endgames, against the exact solver.

N is the number of positions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conceptlrp.othello import Corpus, play
from conceptlrp.othello.board import count
from conceptlrp.selfplay.endgame import EndgameSolver
from conceptlrp.selfplay.players import Player

OnPositions = Callable[[int, int], None]


@dataclass(frozen=True)
class EndgameResult:
    """What was lost against perfect play.

    Attributes
    ----------
    positions : int
        Positions with more than one legal move.
    best_moves : float
        Share in which a move was played that loses nothing.
    disc_loss : float
        Mean difference of discs that the moves gave away.
    """

    positions: int
    best_moves: float
    disc_loss: float


def endgame_positions(
    corpus: Corpus, n: int, *, most_empties: int = 10, seed: int = 0
) -> Corpus:
    """Draw positions with few empty squares and more than one legal move.

    Parameters
    ----------
    corpus : Corpus
        Positions of games.
    n : int
        How many; if there are no more, all are kept.
    most_empties : int
        Most empty squares of a position.
    seed : int
        Seed of the draw.

    Returns
    -------
    Corpus
        The positions in the order of the corpus.
    """
    empties = corpus.size**2 - count(corpus.own | corpus.opponent).astype(int)
    fit = (empties <= most_empties) & (count(corpus.legal) > 1)
    return corpus[fit].sample(n, seed=seed)


def play_endgames(
    player: Player,
    corpus: Corpus,
    *,
    seed: int = 0,
    on_positions: OnPositions | None = None,
) -> EndgameResult:
    """Compare the moves of a player with perfect play.

    Parameters
    ----------
    player : Player
        Chooses a move in each position.
    corpus : Corpus
        At least one position; see `endgame_positions`.
    seed : int
        Seed of the player.
    on_positions : callable, optional
        Called with the positions solved so far and those in all.

    Returns
    -------
    EndgameResult
        Over all positions.

    Raises
    ------
    ValueError
        There is no position, or one with too many empty squares.
    """
    if not len(corpus):
        message = "no position has few enough empty squares and a choice of moves"
        raise ValueError(message)
    chosen = player(corpus.own, corpus.opponent, np.random.default_rng(seed))
    after = play(corpus.own, corpus.opponent, chosen, size=corpus.size)
    solver = EndgameSolver(corpus.size)
    losses = []
    for row in range(len(corpus)):
        best = solver.score(int(corpus.own[row]), int(corpus.opponent[row]))
        got = -solver.score(int(after[0][row]), int(after[1][row]))
        losses.append(best - got)
        if on_positions is not None:
            on_positions(row + 1, len(corpus))
    lost = np.array(losses)
    return EndgameResult(
        len(corpus), float((lost == 0).mean()), round(float(lost.mean()), 4)
    )
