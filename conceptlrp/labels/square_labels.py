"""Labels of squares (discs, corners, edges, walls, regions) and of legal moves.

Shapes use N positions and M legal moves of all of them; a label is a bitboard. Formulas
are written as in `conceptlrp.labels.position_labels`; O' and P' are the discs after a
move m, seen by the opponent.
"""

from typing import Final

import numpy as np

from conceptlrp.labels import position_labels
from conceptlrp.labels.definitions import Facts, Register
from conceptlrp.labels.geometry import Words, dilate, ends_of_long_lines, walls
from conceptlrp.othello import legal_moves
from conceptlrp.othello.board import count

SQUARE: Final = Register()


@SQUARE.mirror("opponent discs", "the opponent's discs")
@SQUARE.add("own discs", "square", "the mover's discs")
def own_discs(facts: Facts) -> Words:
    """``P``."""
    return facts.own


@SQUARE.add("empty squares", "square", "squares without a disc")
def empty_squares(facts: Facts) -> Words:
    """``E``."""
    return facts.empty


@SQUARE.add("potential moves", "square", "empty squares that touch an opponent's disc")
def potential_moves(facts: Facts) -> Words:
    """``E & dil(O)``."""
    return facts.potential


@SQUARE.mirror("opponent frontier", "the opponent's discs that touch an empty square")
@SQUARE.add("own frontier", "square", "the mover's discs that touch an empty square")
def own_frontier(facts: Facts) -> Words:
    """``P & dil(E)``."""
    return facts.frontier


@SQUARE.mirror("opponent interior", "the opponent's discs that touch no empty square")
@SQUARE.add("own interior", "square", "the mover's discs that touch no empty square")
def own_interior(facts: Facts) -> Words:
    """``P & ~dil(E)``."""
    return facts.own & ~facts.near_empty


@SQUARE.mirror("discs in danger", "the mover's discs that a move can flip")
@SQUARE.add("capturable discs", "square", "the opponent's discs that a move can flip")
def capturable_discs(facts: Facts) -> Words:
    """Union of ``flips(P, O, m)`` over m in L(P, O)."""
    return facts.capturable


@SQUARE.mirror("opponent corners", "corners that the opponent has")
@SQUARE.add("own corners", "square", "corners that the mover has")
def own_corners(facts: Facts) -> Words:
    """``P & corners``."""
    return facts.own & facts.board.corners


@SQUARE.mirror("opponent X-squares", "the opponent's X-square discs by an empty corner")
@SQUARE.add("own X-squares", "square", "the mover's X-square discs by an empty corner")
def own_x_squares(facts: Facts) -> Words:
    """Discs of P on an X-square whose corner is in E."""
    return _beside_empty_corners(
        facts, [(each.square, each.x_square) for each in facts.board.corner]
    )


@SQUARE.mirror("opponent C-squares", "the opponent's C-square discs by an empty corner")
@SQUARE.add("own C-squares", "square", "the mover's C-square discs by an empty corner")
def own_c_squares(facts: Facts) -> Words:
    """Discs of P on a C-square whose corner is in E."""
    return _beside_empty_corners(
        facts, [(each.square, each.c_squares) for each in facts.board.corner]
    )


@SQUARE.mirror("opponent stable discs", "the opponent's discs that can never flip")
@SQUARE.add("own stable discs", "square", "the mover's discs that can never flip")
def own_stable_discs(facts: Facts) -> Words:
    """Least S in P with, on each axis, a full line or a neighbour off board or in S.

    A lower bound of what is stable.
    """
    return facts.stable


@SQUARE.mirror("opponent anchors", "the opponent's edge discs that no move flips now")
@SQUARE.add("own anchors", "square", "the mover's edge discs that no move flips now")
def own_anchors(facts: Facts) -> Words:
    """Discs of P on the edge that are stable, or that no m in L(O, P) flips."""
    held = facts.stable | ~facts.other.capturable
    return facts.own & facts.board.edge & held


@SQUARE.mirror(
    "opponent balanced edge", "an opponent's edge that is full, both corners empty"
)
@SQUARE.add(
    "own balanced edge", "square", "a mover's edge that is full, both corners empty"
)
def own_balanced_edge(facts: Facts) -> Words:
    """All squares of an edge between its corners in P, the corners in E."""
    found = np.zeros_like(facts.own)
    for edge in facts.board.edges:
        full = (facts.own & edge.between) == edge.between
        open_ends = (facts.occupied & edge.corners) == 0
        found |= np.uint64(edge.between) * (full & open_ends)
    return found


@SQUARE.mirror("opponent unbalanced edge", "an opponent's edge but for one C-square")
@SQUARE.add("own unbalanced edge", "square", "a mover's edge but for one C-square")
def own_unbalanced_edge(facts: Facts) -> Words:
    """All squares between the corners but one C-square in P, the rest in E."""
    found = np.zeros_like(facts.own)
    for edge in facts.board.edges:
        for missing in edge.c_squares:
            discs = edge.between & ~missing
            mine = (facts.own & discs) == discs
            alone = (facts.occupied & (edge.between | edge.corners)) == discs
            found |= np.uint64(discs) * (mine & alone)
    return found


@SQUARE.mirror(
    "opponent wall", "four opponent's discs in a row that face empty squares"
)
@SQUARE.add("own wall", "square", "four mover's discs in a row that face empty squares")
def own_wall(facts: Facts) -> Words:
    """Four or more discs of P side by side on a rank or file, facing E.

    That is with an empty square next to each, on one and the same side.
    """
    return walls(facts.own, facts.empty)


@SQUARE.add("odd regions", "square", "empty regions with an odd number of squares")
def odd_regions(facts: Facts) -> Words:
    """Regions of E of odd size, squares that touch at a side or corner being one."""
    return facts.regions.odd


@SQUARE.add("private regions", "square", "empty regions where only the mover can play")
def private_regions(facts: Facts) -> Words:
    """Regions of E with a move of L(P, O) and none of L(O, P)."""
    return facts.regions.private


@SQUARE.add(
    "opponent private regions",
    "square",
    "empty regions where only the opponent can play",
)
def opponent_private_regions(facts: Facts) -> Words:
    """Regions of E with a move of L(O, P) and none of L(P, O)."""
    return facts.regions.opponent_private


def _beside_empty_corners(facts: Facts, pairs: list[tuple[int, int]]) -> Words:
    found = np.zeros_like(facts.own)
    for corner, beside in pairs:
        found |= (facts.own & beside) * ((facts.empty & corner) != 0)
    return found


MOVE: Final = Register()


@MOVE.mirror("opponent moves", "where the opponent could play")
@MOVE.add("moves", "move", "where the mover may play")
def moves(facts: Facts) -> Words:
    """``L(P, O)``."""
    return facts.legal


@MOVE.mirror("corner threats", "corners that the opponent could take")
@MOVE.add("corner moves", "move", "moves that take a corner")
def corner_moves(facts: Facts) -> Words:
    """``L(P, O) & corners``."""
    return facts.legal & facts.board.corners


@MOVE.mirror("opponent free moves", "moves that only the opponent could play")
@MOVE.add("free moves", "move", "moves that only the mover could play")
def free_moves(facts: Facts) -> Words:
    """``L(P, O) & ~L(O, P)``."""
    return facts.legal & ~facts.other.legal


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
