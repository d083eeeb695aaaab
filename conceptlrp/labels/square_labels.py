"""Labels of squares: discs, frontier, corners, stability, edges, walls, regions.

Shapes use N positions; a label is a bitboard. Formulas are written as in
`conceptlrp.labels.position_labels`.
"""

from typing import Final

import numpy as np

from conceptlrp.labels.definitions import Register
from conceptlrp.labels.facts import Facts
from conceptlrp.labels.geometry import Words
from conceptlrp.labels.structures import walls

SQUARE: Final = Register()


@SQUARE.add("own discs", "square", "discs of the side to move")
def own_discs(facts: Facts) -> Words:
    """``P``."""
    return facts.own


SQUARE.mirror("opponent discs", own_discs, "discs of the opponent")


@SQUARE.add("empty squares", "square", "squares without a disc")
def empty_squares(facts: Facts) -> Words:
    """``E``."""
    return facts.empty


@SQUARE.add("potential moves", "square", "empty squares that touch an opponent's disc")
def potential_moves(facts: Facts) -> Words:
    """``E & dil(O)``."""
    return facts.potential


@SQUARE.add("own frontier", "square", "own discs that touch an empty square")
def own_frontier(facts: Facts) -> Words:
    """``P & dil(E)``."""
    return facts.frontier


SQUARE.mirror(
    "opponent frontier", own_frontier, "opponent's discs that touch an empty square"
)


@SQUARE.add("own interior", "square", "own discs that touch no empty square")
def own_interior(facts: Facts) -> Words:
    """``P & ~dil(E)``."""
    return facts.own & ~facts.near_empty


SQUARE.mirror(
    "opponent interior", own_interior, "opponent's discs that touch no empty square"
)


@SQUARE.add("capturable discs", "square", "opponent's discs that some move flips")
def capturable_discs(facts: Facts) -> Words:
    """Union of ``flips(P, O, m)`` over m in L(P, O)."""
    return facts.capturable


SQUARE.mirror(
    "discs in danger",
    capturable_discs,
    "own discs that some move of the opponent flips",
)


@SQUARE.add("own corners", "square", "corners that the side to move has")
def own_corners(facts: Facts) -> Words:
    """``P & corners``."""
    return facts.own & facts.board.corners


SQUARE.mirror("opponent corners", own_corners, "corners that the opponent has")


@SQUARE.add("own X-squares", "square", "own X-square discs beside an empty corner")
def own_x_squares(facts: Facts) -> Words:
    """Discs of P on an X-square whose corner is in E."""
    return _beside_empty_corners(
        facts, [(each.square, each.x_square) for each in facts.board.corner]
    )


SQUARE.mirror(
    "opponent X-squares", own_x_squares, "opponent's X-square discs by an empty corner"
)


@SQUARE.add("own C-squares", "square", "own C-square discs beside an empty corner")
def own_c_squares(facts: Facts) -> Words:
    """Discs of P on a C-square whose corner is in E."""
    return _beside_empty_corners(
        facts, [(each.square, each.c_squares) for each in facts.board.corner]
    )


SQUARE.mirror(
    "opponent C-squares", own_c_squares, "opponent's C-square discs by an empty corner"
)


@SQUARE.add("own stable discs", "square", "own discs that can never be flipped")
def own_stable_discs(facts: Facts) -> Words:
    """Least S in P with, on each axis, a full line or a neighbour off board or in S.

    A lower bound of what is stable.
    """
    return facts.stable


SQUARE.mirror(
    "opponent stable discs",
    own_stable_discs,
    "opponent's discs that can never be flipped",
)


@SQUARE.add("own anchors", "square", "own edge discs that the opponent cannot flip now")
def own_anchors(facts: Facts) -> Words:
    """Discs of P on the edge that are stable, or that no m in L(O, P) flips."""
    held = facts.stable | ~facts.other.capturable
    return facts.own & facts.board.edge & held


SQUARE.mirror(
    "opponent anchors", own_anchors, "opponent's edge discs that no move flips now"
)


@SQUARE.add(
    "own balanced edge", "square", "an edge full of own discs, both corners empty"
)
def own_balanced_edge(facts: Facts) -> Words:
    """All squares of an edge between its corners in P, the corners in E."""
    found = np.zeros_like(facts.own)
    for edge in facts.board.edges:
        full = (facts.own & edge.between) == edge.between
        open_ends = (facts.occupied & edge.corners) == 0
        found |= np.uint64(edge.between) * (full & open_ends)
    return found


SQUARE.mirror(
    "opponent balanced edge",
    own_balanced_edge,
    "an edge full of opponent's discs, both corners empty",
)


@SQUARE.add(
    "own unbalanced edge", "square", "an edge of own discs with one C-square missing"
)
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


SQUARE.mirror(
    "opponent unbalanced edge",
    own_unbalanced_edge,
    "an edge of opponent's discs with one C-square missing",
)


@SQUARE.add("own wall", "square", "four own discs in a row that face empty squares")
def own_wall(facts: Facts) -> Words:
    """Four or more discs of P side by side on a rank or file, facing E.

    That is with an empty square next to each, on one and the same side.
    """
    return walls(facts.own, facts.empty)


SQUARE.mirror(
    "opponent wall", own_wall, "four opponent's discs in a row that face empty squares"
)


@SQUARE.add("odd regions", "square", "empty regions with an odd number of squares")
def odd_regions(facts: Facts) -> Words:
    """Regions of E of odd size, squares that touch at a side or corner being one."""
    return facts.regions.odd


@SQUARE.add(
    "private regions", "square", "empty regions where only the side to move can play"
)
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
