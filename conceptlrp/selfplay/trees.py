"""Search trees of many games as arrays, and the steps of a simulation on them.

Shapes use B trees, K nodes a tree, N positions and A = n * n + 1 actions of a board of
n x n squares: ``n * row + column``, or ``n * n`` for a pass, which is legal where there
is no move and the game is not over. Node 0 is the root; every simulation that leaves
the tree adds a node. Values are seen by the player to move.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import flips, legal_moves
from conceptlrp.othello.board import count, square_bits

if TYPE_CHECKING:
    from conceptlrp.selfplay.puct import SearchOptions

Boards: TypeAlias = NDArray[np.uint64]
Rows: TypeAlias = NDArray[np.int64]

# Raises actions without a visit above each other by their priors alone.
EPSILON = 1e-8


@dataclass(frozen=True)
class Trees:
    """B search trees, changed in place by the steps of a simulation.

    Attributes
    ----------
    own, opponent : ndarray of uint64, shape (B, K)
        Boards of the nodes, as the player to move sees them.
    priors : ndarray of float32, shape (B, K, A)
        Of each action; 0 for what is illegal.
    visits : ndarray of int32, shape (B, K, A)
        Simulations that followed each action.
    total : ndarray of float64, shape (B, K, A)
        Sum of their values; minus infinity for what is illegal.
    child : ndarray of int32, shape (B, K, A)
        Node after each action, -1 as long as there is none.
    outcome : ndarray of float64, shape (B, K)
        Result of a node where the game is over, else NaN.
    nodes : ndarray of int64, shape (B,)
        How many nodes there are.
    size : int
        Squares along one side of the board, 6 or 8.
    """

    own: Boards
    opponent: Boards
    priors: NDArray[np.float32]
    visits: NDArray[np.int32]
    total: NDArray[np.float64]
    child: NDArray[np.int32]
    outcome: NDArray[np.float64]
    nodes: Rows
    size: int

    @classmethod
    def planted(cls, own: Boards, opponent: Boards, nodes: int, size: int) -> "Trees":
        """Make trees of one root each, with room for so many nodes."""
        games, actions = len(own), size * size + 1
        trees = cls(
            own=np.zeros((games, nodes), np.uint64),
            opponent=np.zeros((games, nodes), np.uint64),
            priors=np.zeros((games, nodes, actions), np.float32),
            visits=np.zeros((games, nodes, actions), np.int32),
            total=np.full((games, nodes, actions), -np.inf),
            child=np.full((games, nodes, actions), -1, np.int32),
            outcome=np.full((games, nodes), np.nan),
            nodes=np.ones(games, np.int64),
            size=size,
        )
        trees.place(np.arange(games), np.zeros(games, np.int64), own, opponent)
        return trees

    def place(
        self, rows: Rows, nodes: Rows, own: Boards, opponent: Boards
    ) -> NDArray[np.bool_]:
        """Put boards at nodes and return their legal actions, of shape (N, A)."""
        legal = legal_actions(own, opponent, size=self.size)
        self.own[rows, nodes], self.opponent[rows, nodes] = own, opponent
        self.total[rows, nodes] = np.where(legal, 0.0, -np.inf)
        return legal


@dataclass(frozen=True)
class Descent:
    """The way of one simulation through each of B trees.

    Attributes
    ----------
    steps : list of (rows, nodes, actions)
        One entry a depth: the trees that are still descended, where, and what is
        followed.
    leaf : ndarray of int64, shape (B,)
        Node at which each way ends.
    """

    steps: list[tuple[Rows, Rows, Rows]]
    leaf: Rows


def descend(trees: Trees, options: "SearchOptions") -> Descent:
    """Follow the best actions from every root to a new node or the end of a game."""
    rows = np.arange(len(trees.nodes))
    nodes = np.zeros_like(rows)
    leaf = np.zeros_like(rows)
    steps = []
    while len(rows):
        actions = _select(trees, rows, nodes, options.c_puct)
        steps.append((rows, nodes, actions))
        children = trees.child[rows, nodes, actions].astype(np.int64)
        new = children < 0
        if new.any():
            step = rows[new], nodes[new], actions[new]
            children[new], added = _grow(trees, *step, options)
            new[new] = added
        leaf[rows] = children
        on = ~new & np.isnan(trees.outcome[rows, children])
        rows, nodes = rows[on], children[on]
    return Descent(steps, leaf)


def back_up(trees: Trees, descent: Descent, value: NDArray[np.float64]) -> None:
    """Count the ways, with the value (B,) of their leaves for the player there."""
    seen = value.copy()
    for rows, nodes, actions in reversed(descent.steps):
        # The player to move changes with every action, and so does the sign.
        seen[rows] = -seen[rows]
        trees.visits[rows, nodes, actions] += 1
        trees.total[rows, nodes, actions] += seen[rows]


def after(
    own: Boards, opponent: Boards, actions: Rows, *, size: int
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


def _select(trees: Trees, rows: Rows, nodes: Rows, c_puct: float) -> Rows:
    """Return the action of the highest score of each node; see `SearchOptions`."""
    visits = trees.visits[rows, nodes]
    spent = visits.sum(axis=1, keepdims=True)
    root = np.sqrt(np.where(visits == 0, spent + EPSILON, spent))
    explore = c_puct * root * trees.priors[rows, nodes] / (1 + visits)
    score = trees.total[rows, nodes] / np.maximum(visits, 1) + explore
    best: Rows = score.argmax(axis=1)
    return best


def _grow(
    trees: Trees, rows: Rows, nodes: Rows, actions: Rows, options: "SearchOptions"
) -> tuple[Rows, NDArray[np.bool_]]:
    """Link actions to new nodes, or known ones; returns nodes and which are new."""
    own, opponent = after(
        trees.own[rows, nodes], trees.opponent[rows, nodes], actions, size=trees.size
    )
    children, added = trees.nodes[rows], np.ones(len(rows), bool)
    if options.transpositions:
        same = (trees.own[rows] == own[:, None]) & (
            trees.opponent[rows] == opponent[:, None]
        )
        added = ~same.any(axis=1)
        children = np.where(added, children, same.argmax(axis=1))
    trees.child[rows, nodes, actions] = children
    _add(trees, rows[added], children[added], own[added], opponent[added], options.draw)
    return children, added


def _add(
    trees: Trees, rows: Rows, nodes: Rows, own: Boards, opponent: Boards, draw: float
) -> None:
    legal = trees.place(rows, nodes, own, opponent)
    # A pass is legal where there is no move, so only there can a game be over.
    stuck = np.flatnonzero(legal[:, -1])
    trees.outcome[rows[stuck], nodes[stuck]] = outcomes(
        own[stuck], opponent[stuck], size=trees.size, draw=draw
    )
    trees.nodes[rows] += 1
