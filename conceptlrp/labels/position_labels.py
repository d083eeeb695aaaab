"""Labels of whole positions: phases, mobility, leads, corners, parity.

Shapes use N positions. In formulas P and O are the discs of the side to move and of
the other side, E the empty squares, L(P, O) the legal moves of P, dil(.) a set with
its neighbours, and bars count squares. The docstring of each function is the exact
definition of its label.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labels.definitions import Facts, Register
from conceptlrp.labels.geometry import Words
from conceptlrp.othello import phases
from conceptlrp.othello.board import count

# Of shape (N,): bool, and integers. numpy types comparisons of arrays as Any.
Flags: TypeAlias = Any
Numbers: TypeAlias = Any

POSITION: Final = Register()


def lead(own: Words, opponent: Words) -> NDArray[np.int16]:
    """Return by how many squares one set is larger than another."""
    return count(own).astype(np.int16) - count(opponent)


@POSITION.add("opening", "bool", "the first third of the game")
def opening(facts: Facts) -> Flags:
    """``|E| > 2M/3`` of M moves in a game: 41 or more empty on 8 x 8."""
    return phases(facts.empties, size=facts.size) == 0


@POSITION.add("midgame", "bool", "the second third of the game")
def midgame(facts: Facts) -> Flags:
    """``M/3 < |E| <= 2M/3``: 21 to 40 empty on 8 x 8."""
    return phases(facts.empties, size=facts.size) == 1


@POSITION.add("endgame", "bool", "the last third of the game")
def endgame(facts: Facts) -> Flags:
    """``|E| <= M/3``: at most 20 empty on 8 x 8."""
    return phases(facts.empties, size=facts.size) == 2


@POSITION.add("empty count", "number", "how many squares are still empty")
def empty_count(facts: Facts) -> Numbers:
    """``|E|``."""
    return facts.empties


@POSITION.add("even empties", "bool", "without a pass, the opponent gets the last move")
def even_empties(facts: Facts) -> Flags:
    """``|E|`` is even."""
    return (facts.empties & 1) == 0


@POSITION.mirror("opponent mobility", "how many moves the opponent would have")
@POSITION.add("mobility", "number", "how many moves the mover has")
def mobility(facts: Facts) -> Numbers:
    """``|L(P, O)|``."""
    return count(facts.legal).astype(np.int16)


@POSITION.add("mobility lead", "number", "how many more moves the mover has")
def mobility_lead(facts: Facts) -> Numbers:
    """``|L(P, O)| - |L(O, P)|``."""
    return lead(facts.legal, facts.other.legal)


@POSITION.add("forced move", "bool", "there is only one move")
def forced_move(facts: Facts) -> Flags:
    """``|L(P, O)| = 1``."""
    return count(facts.legal) == 1


@POSITION.add("opponent stuck", "bool", "the opponent has no move as things stand")
def opponent_stuck(facts: Facts) -> Flags:
    """``L(O, P) = 0`` and ``L(P, O) != 0``."""
    return (facts.other.legal == 0) & (facts.legal != 0)


@POSITION.add(
    "potential mobility", "number", "how many empty squares touch an opponent's disc"
)
def potential_mobility(facts: Facts) -> Numbers:
    """``|E & dil(O)|``."""
    return count(facts.potential).astype(np.int16)


@POSITION.add(
    "potential mobility lead",
    "number",
    "how many more empty squares touch the opponent's discs than the mover's",
)
def potential_mobility_lead(facts: Facts) -> Numbers:
    """``|E & dil(O)| - |E & dil(P)|``."""
    return lead(facts.potential, facts.other.potential)


@POSITION.add("frontier lead", "number", "how many more frontier discs the mover has")
def frontier_lead(facts: Facts) -> Numbers:
    """``|P & dil(E)| - |O & dil(E)|``."""
    return lead(facts.frontier, facts.other.frontier)


@POSITION.add("corner lead", "number", "how many more corners the mover has")
def corner_lead(facts: Facts) -> Numbers:
    """``|P & corners| - |O & corners|``."""
    corners = np.uint64(facts.board.corners)
    return lead(facts.own & corners, facts.opponent & corners)


@POSITION.add("edge lead", "number", "how many more edge discs the mover has")
def edge_lead(facts: Facts) -> Numbers:
    """``|P & edge| - |O & edge|``, corners included."""
    edge = np.uint64(facts.board.edge)
    return lead(facts.own & edge, facts.opponent & edge)


@POSITION.add("center lead", "number", "how many more discs the mover has in c3 to f6")
def center_lead(facts: Facts) -> Numbers:
    """``|P & middle| - |O & middle|``, the middle being the central 4 x 4."""
    middle = np.uint64(facts.board.middle)
    return lead(facts.own & middle, facts.opponent & middle)


@POSITION.add("stable lead", "number", "how many more stable discs the mover has")
def stable_lead(facts: Facts) -> Numbers:
    """``|S(P)| - |S(O)|``, S being discs that are stable by contact."""
    return lead(facts.stable, facts.other.stable)


@POSITION.add("disc lead", "number", "how many more discs the mover has")
def disc_lead(facts: Facts) -> Numbers:
    """``|P| - |O|``."""
    return lead(facts.own, facts.opponent)


@POSITION.add(
    "evaporated",
    "bool",
    "less than a third of the discs is the mover's, well before the end",
)
def evaporated(facts: Facts) -> Flags:
    """``3 |P| < |P| + |O|`` with ``M/3 <= |E| <= 11M/15``: 20 to 44 on 8 x 8."""
    empties, moves = facts.empties, facts.board.moves
    timely = (3 * empties >= moves) & (15 * empties <= 11 * moves)
    few = 3 * count(facts.own).astype(np.int16) < count(facts.occupied)
    return timely & few


@POSITION.add("anchorless", "bool", "the mover has few discs, none on an edge")
def anchorless(facts: Facts) -> Flags:
    """``P & edge = 0`` and ``|P| <= 4``."""
    return ((facts.own & facts.board.edge) == 0) & (count(facts.own) <= 4)


@POSITION.add("only X and C moves", "bool", "every move is to an X- or C-square")
def only_x_and_c_moves(facts: Facts) -> Flags:
    """``L(P, O) != 0`` and lies in the X- and C-squares."""
    risky = facts.board.x_squares | facts.board.c_squares
    return (facts.legal != 0) & ((facts.legal & ~np.uint64(risky)) == 0)


@POSITION.add("tempo lead", "number", "how many more safe moves the other side lacks")
def tempo_lead(facts: Facts) -> Numbers:
    """``|L(P, O) & ~L(O, P) & ~(X | C)|`` less the same with the sides swapped."""
    safe = ~np.uint64(facts.board.x_squares | facts.board.c_squares)
    mine, theirs = facts.legal, facts.other.legal
    return lead(mine & ~theirs & safe, theirs & ~mine & safe)


@POSITION.mirror(
    "opponent diagonal control",
    "a long diagonal with three or more discs, all the opponent's",
)
@POSITION.add(
    "diagonal control",
    "bool",
    "a long diagonal with three or more discs, all the mover's",
)
def diagonal_control(facts: Facts) -> Flags:
    """``|P & D| >= 3`` and ``O & D = 0`` for a long diagonal D."""
    controlled = np.zeros(len(facts.own), np.bool_)
    for diagonal in facts.board.diagonals:
        mine = count(facts.own & diagonal) >= 3
        controlled |= mine & ((facts.opponent & diagonal) == 0)
    return controlled


@POSITION.add("region count", "number", "how many separate empty regions there are")
def region_count(facts: Facts) -> Numbers:
    """How many regions E has, squares that touch at a side or corner being one."""
    return facts.regions.number


@POSITION.add("odd region count", "number", "how many empty regions are odd")
def odd_region_count(facts: Facts) -> Numbers:
    """How many regions of E have an odd number of squares."""
    return facts.regions.odd_number


@POSITION.add("largest flip", "number", "how many discs the greediest move flips")
def largest_flip(facts: Facts) -> Numbers:
    """Maximum of ``|flips(P, O, m)|`` over m in L(P, O), 0 without a move."""
    return facts.moves.most(count(facts.moves.turned))


@POSITION.add(
    "every move gives a corner", "bool", "zugzwang: every move gives up a corner"
)
def every_move_gives_a_corner(facts: Facts) -> Flags:
    """``L(P, O) != 0`` and every move in it gives a corner."""
    return (facts.legal != 0) & (corner_giving(facts) == facts.legal)


def corner_giving(facts: Facts) -> Words:
    """Return the moves that let the opponent take a corner out of reach before."""
    corners = facts.moves.after.legal & facts.board.corners
    gained = corners & ~facts.other.legal[facts.moves.rows]
    return facts.moves.where(gained != 0)
