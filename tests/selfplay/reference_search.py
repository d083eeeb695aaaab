"""The search of one position, written to be read: what `search` is tested against.

It does what `search` does, one tree, one simulation and one action at a time.
"""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import play
from conceptlrp.selfplay.puct import (
    EPSILON,
    Evaluator,
    Float32Array,
    SearchOptions,
    SearchResult,
    outcomes,
)


@dataclass
class Edge:
    """A legal action of a node.

    Attributes
    ----------
    prior : float
        Of the action.
    visits : int
        Simulations that followed it.
    total : float
        Sum of their values for the player to move at the node.
    child : Node or None
        Where it leads, once a simulation has followed it.
    """

    prior: float
    visits: int = 0
    total: float = 0.0
    child: "Node | None" = None

    @property
    def value(self) -> float:
        """Mean value, 0 without a visit."""
        return self.total / self.visits if self.visits else 0.0


@dataclass
class Node:
    """A position of the tree.

    Attributes
    ----------
    own, opponent : int
        Discs of the player to move and of the other one.
    outcome : float or None
        For the player to move, where the game is over.
    edges : dict of int to Edge
        By action, in ascending order; empty until the node is expanded.
    """

    own: int
    opponent: int
    outcome: float | None
    edges: dict[int, Edge] = field(default_factory=dict)


class ReferenceSearch:
    """A tree that grows from one position.

    Parameters
    ----------
    evaluate : Evaluator
        Is asked about one position at a time.
    own, opponent : int
        Discs of the player to move and of the other one.
    options : SearchOptions
        Simulations and so on.
    root_priors : ndarray of float32, shape (A,), optional
        Instead of what the evaluator says of the root, such as priors with noise.
    """

    def __init__(
        self,
        evaluate: Evaluator,
        own: int,
        opponent: int,
        options: SearchOptions,
        root_priors: Float32Array | None = None,
    ) -> None:
        self.evaluate = evaluate
        self.options = options
        self.known: dict[tuple[int, int], Node] = {}
        self.root = self._node(own, opponent)
        self._expand(self.root)
        if root_priors is not None:
            for action, edge in self.root.edges.items():
                edge.prior = float(root_priors[action])

    def run(self) -> SearchResult:
        """Make all simulations and return what they found at the root, with N = 1."""
        for _ in range(self.options.simulations):
            self._simulate(self.root)
        actions = self.evaluate.size**2 + 1
        visits = np.zeros((1, actions), np.int32)
        values = np.zeros((1, actions))
        priors = np.zeros((1, actions), np.float32)
        for action, edge in self.root.edges.items():
            visits[0, action] = edge.visits
            values[0, action] = edge.value
            priors[0, action] = edge.prior
        return SearchResult(visits, values, priors)

    def _simulate(self, node: Node) -> float:
        """Follow one simulation from a node; its value for the player to move."""
        if node.outcome is not None:
            return node.outcome
        if not node.edges:
            return self._expand(node)
        action = self._best(node)
        edge = node.edges[action]
        if edge.child is None:
            edge.child = self._child(node, action)
        value = -self._simulate(edge.child)
        edge.visits += 1
        edge.total += value
        return value

    def _best(self, node: Node) -> int:
        spent = sum(edge.visits for edge in node.edges.values())

        def score(action: int) -> float:
            edge = node.edges[action]
            root = sqrt(spent if edge.visits else spent + EPSILON)
            explore = self.options.c_puct * root * edge.prior / (1 + edge.visits)
            return edge.value + explore

        # Of equal scores, max takes the first and so the lowest action.
        return max(node.edges, key=score)

    def _expand(self, node: Node) -> float:
        priors, value = self.evaluate(*_boards(node.own, node.opponent))
        legal = _legal(node, self.evaluate.size)
        node.edges = {action: Edge(float(priors[0, action])) for action in legal}
        return float(value[0])

    def _child(self, node: Node, action: int) -> Node:
        boards = _boards(node.own, node.opponent)
        size = self.evaluate.size
        square = squares_of_actions(np.array([action]), size=size)
        own, opponent = play(*boards, square, size=size)
        return self._node(int(own[0]), int(opponent[0]))

    def _node(self, own: int, opponent: int) -> Node:
        """Make a node, or find the known one where ways may meet."""
        if self.options.transpositions and (own, opponent) in self.known:
            return self.known[own, opponent]
        boards, size = _boards(own, opponent), self.evaluate.size
        found = float(outcomes(*boards, size=size, draw=self.options.draw)[0])
        node = Node(own, opponent, None if np.isnan(found) else found)
        self.known[own, opponent] = node
        return node


def _boards(own: int, opponent: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([own], np.uint64), np.array([opponent], np.uint64)


def _legal(node: Node, size: int) -> list[int]:
    legal = legal_actions(*_boards(node.own, node.opponent), size=size)
    return [int(action) for action in np.flatnonzero(legal[0])]
