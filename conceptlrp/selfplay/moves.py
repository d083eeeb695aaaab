"""The rules as a search needs them: actions, passes as moves of their own, outcomes.

Shapes use N positions. An action is ``size * row + column``, or ``size * size`` for a
pass, which is legal where there is no move and the game is not over.
"""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import flips, legal_moves
from conceptlrp.othello.board import count, square_bits

Boards = NDArray[np.uint64]


def after(
    own: Boards, opponent: Boards, actions: NDArray[np.int64], *, size: int
) -> tuple[Boards, Boards]:
    """Return the positions after legal actions, as the next player sees them."""
    squares = squares_of_actions(actions, size=size)
    turned = flips(own, opponent, squares, size=size)
    return opponent & ~turned, own | turned | square_bits(squares)


def outcomes(
    own: Boards, opponent: Boards, *, size: int, draw: float
) -> NDArray[np.float64]:
    """Return 1, -1 or ``draw`` for the player to move, NaN while a game goes on."""
    stuck = legal_moves(own, opponent, size=size) == 0
    over = np.flatnonzero(stuck)
    over = over[legal_moves(opponent[over], own[over], size=size) == 0]
    found = np.full(len(own), np.nan)
    margin = count(own[over]).astype(np.int64) - count(opponent[over])
    found[over] = np.where(margin == 0, draw, np.sign(margin))
    return found
