"""Labels of moves: which legal moves are quiet, free, give a corner, end the game.

Shapes use N positions and M legal moves of all of them; a label is a bitboard of
squares. Formulas are written as in `conceptlrp.labels.position_labels`; O' and P'
are the discs after a move m, seen by the opponent.
"""

from typing import Final

import numpy as np

from conceptlrp.labels import position_labels
from conceptlrp.labels.definitions import Register
from conceptlrp.labels.facts import Facts
from conceptlrp.labels.geometry import Words, dilate
from conceptlrp.labels.structures import ends_of_long_lines
from conceptlrp.othello import legal_moves
from conceptlrp.othello.board import count

MOVE: Final = Register()


@MOVE.add("moves", "move", "where the side to move may play")
def moves(facts: Facts) -> Words:
    """``L(P, O)``."""
    return facts.legal


MOVE.mirror("opponent moves", moves, "where the opponent could play")


@MOVE.add("corner moves", "move", "moves that take a corner")
def corner_moves(facts: Facts) -> Words:
    """``L(P, O) & corners``."""
    return facts.legal & facts.board.corners


MOVE.mirror("corner threats", corner_moves, "corners that the opponent could take")


@MOVE.add("free moves", "move", "moves that the opponent could not play")
def free_moves(facts: Facts) -> Words:
    """``L(P, O) & ~L(O, P)``."""
    return facts.legal & ~facts.other.legal


MOVE.mirror(
    "opponent free moves", free_moves, "moves that the opponent alone could play"
)


@MOVE.add("safe moves", "move", "moves to neither an X- nor a C-square")
def safe_moves(facts: Facts) -> Words:
    """``L(P, O) & ~(X | C)``."""
    return facts.legal & ~np.uint64(facts.board.x_squares | facts.board.c_squares)


@MOVE.add("X-square moves", "move", "moves to an X-square beside an empty corner")
def x_square_moves(facts: Facts) -> Words:
    """Each move of L(P, O) to an X-square whose corner is in E."""
    found = np.zeros_like(facts.own)
    for each in facts.board.corner:
        found |= (facts.legal & each.x_square) * ((facts.empty & each.square) != 0)
    return found


@MOVE.add("wedges", "move", "moves into an edge between two of the opponent's discs")
def wedges(facts: Facts) -> Words:
    """Each move of L(P, O) to an edge square between two discs of O on that edge."""
    board, opponent = facts.board, facts.opponent
    along = (opponent << 1) & (opponent >> 1) & board.horizontal
    along |= (opponent << 8) & (opponent >> 8) & board.vertical
    return facts.legal & along & ~np.uint64(board.corners)


@MOVE.add("long flips", "move", "moves that flip four or more discs in one line")
def long_flips(facts: Facts) -> Words:
    """Each move of L(P, O) that flips k >= 4 discs in one of the eight directions."""
    behind = ends_of_long_lines(facts.own, facts.opponent, 4)
    return facts.empty & behind


@MOVE.add("quiet moves", "move", "moves that flip no frontier disc")
def quiet_moves(facts: Facts) -> Words:
    """``flips(m) & dil(E - m) = 0``: only discs that touch no other empty square."""
    each = facts.moves
    remaining = facts.empty[each.rows] & ~each.bits
    exposed = each.turned & dilate(remaining, facts.board.region)
    return each.where(exposed == 0)


@MOVE.add("greediest moves", "move", "the moves that flip the most discs")
def greediest_moves(facts: Facts) -> Words:
    """Each move m with the largest ``|flips(P, O, m)|``, all of them if several."""
    flipped = count(facts.moves.turned)
    return facts.moves.where(flipped == facts.moves.most(flipped)[facts.moves.rows])


@MOVE.add("pass-forcing moves", "move", "moves after which the opponent must pass")
def pass_forcing_moves(facts: Facts) -> Words:
    """Each move with ``L(O', P') = 0`` and ``L(P', O') != 0``."""
    after = facts.moves.after
    stuck = after.legal == 0
    # Few moves leave the opponent stuck, so the second look is at those alone.
    again = legal_moves(after.opponent[stuck], after.own[stuck], size=facts.size)
    stuck[stuck] = again != 0
    return facts.moves.where(stuck)


@MOVE.add("corner-giving moves", "move", "moves that open a corner to the opponent")
def corner_giving_moves(facts: Facts) -> Words:
    """Each move with ``L(O', P') & corners & ~L(O, P) != 0``."""
    return position_labels.corner_giving(facts)


@MOVE.add("parity moves", "move", "moves into an empty region of odd size")
def parity_moves(facts: Facts) -> Words:
    """Each move of L(P, O) in a region of E with an odd number of squares."""
    return facts.legal & facts.regions.odd


@MOVE.add("wipe-out moves", "move", "moves that leave the opponent no disc")
def wipe_out_moves(facts: Facts) -> Words:
    """Each move with ``O' = 0``."""
    return facts.moves.where(facts.moves.after.own == 0)
