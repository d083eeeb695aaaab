"""What a search by PUCT finds at a position, with the network that is explained.

Shapes use N positions, K nodes of a tree and A = n * n + 1 actions.
"""

from dataclasses import dataclass

import numpy as np

from conceptlrp.lrp import Explainer
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.networks.prediction import expected_outcome, forward
from conceptlrp.othello import PASS, Position, square_name
from conceptlrp.selfplay.puct import (
    Answers,
    Boards,
    SearchOptions,
    Trees,
    grow_trees,
    legal_softmax,
)

# What a page shows of a tree below the moves of the root.
_DEEPEST, _REPLIES = 8, 3
_BATCH = 512


class ExplainedNetwork:
    """Priors and values of the network of an explainer, as a search asks for them."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer, self.size = explainer, explainer.size

    def __call__(self, own: Boards, opponent: Boards) -> Answers:
        """Give priors and values of N positions."""
        explainer, size = self._explainer, self.size
        planes = explainer.encoding.bitboards(own, opponent, size=size)
        logits, value = forward(explainer.network, planes, _BATCH)
        priors = legal_softmax(logits, legal_actions(own, opponent, size=size))
        return priors, expected_outcome(value, explainer.value_kind)


@dataclass(frozen=True)
class SearchedMove:
    """A move of a search tree, and the replies that were searched.

    `line` are the squares from the root to it, without passes; `value` is the mean
    outcome for the side to move at the root, nan without a visit; `prior` is the
    probability by the network.
    """

    move: str
    line: tuple[int, ...]
    visits: int
    value: float
    prior: float
    replies: tuple["SearchedMove", ...]


def searched_moves(
    explainer: Explainer, position: Position, simulations: int
) -> tuple[SearchedMove, ...]:
    """Search a position; its legal moves, those with the most visits first."""
    boards = (np.array([each], np.uint64) for each in (position.own, position.opponent))
    options = SearchOptions(simulations=simulations)
    trees = grow_trees(ExplainedNetwork(explainer), *boards, options=options)
    return _moves(trees, 0, ())


def _moves(
    trees: Trees, node: int, line: tuple[int, ...], depth: int = 0
) -> tuple[SearchedMove, ...]:
    """Read the moves from a node, all at the root, the most visited elsewhere."""
    visits, priors = trees.visits[0, node], trees.priors[0, node]
    legal = np.flatnonzero(trees.total[0, node] > -np.inf)
    if depth:
        legal = legal[visits[legal] > 0]
    order = legal[np.lexsort([-priors[legal], -visits[legal]])]
    sign = -1 if depth % 2 else 1
    found = []
    for action in order[: _REPLIES if depth else None].tolist():
        square = int(squares_of_actions(action, size=trees.size))
        after = line if square == PASS else (*line, square)
        n, child = int(visits[action]), int(trees.child[0, node, action])
        deeper = n > 1 and depth + 1 < _DEEPEST
        value = sign * trees.total[0, node, action] / n if n else np.nan
        found.append(
            SearchedMove(
                move=square_name(square, trees.size),
                line=after,
                visits=n,
                value=float(value),
                prior=float(priors[action]),
                replies=_moves(trees, child, after, depth + 1) if deeper else (),
            )
        )
    return tuple(found)
