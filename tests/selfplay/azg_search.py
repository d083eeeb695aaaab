"""alpha-zero-general's rule for choosing moves, stated again as an oracle.

Everything is looked up by position, as there; priors come masked and normalized, and
the first visit of a position only evaluates it.
"""

import math

import numpy as np

from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import PASS, play
from conceptlrp.othello.board import count, is_over
from tests.selfplay.toys import HashEvaluator


class AlphaZeroGeneral:
    """One tree of alpha-zero-general."""

    def __init__(
        self, evaluate: HashEvaluator, simulations: int, c_puct: float = 1.0
    ) -> None:
        self.evaluate = evaluate
        self.simulations = simulations
        self.c_puct = c_puct
        self.mean: dict[tuple[tuple[int, int], int], float] = {}
        self.edge_visits: dict[tuple[tuple[int, int], int], int] = {}
        self.node_visits: dict[tuple[int, int], int] = {}
        self.priors: dict[tuple[int, int], np.ndarray] = {}

    def counts(self, own: int, opponent: int) -> list[int]:
        for _ in range(self.simulations):
            self.look(own, opponent)
        state = own, opponent
        return [self.edge_visits.get((state, action), 0) for action in range(65)]

    def look(self, own: int, opponent: int) -> float:
        """Value of a position for whoever moved into it."""
        state = own, opponent
        if is_over(own, opponent):
            # A draw is not ahead, so it counts as lost.
            return -1.0 if count(own) > count(opponent) else 1.0
        if state not in self.priors:
            words = np.array([own], np.uint64), np.array([opponent], np.uint64)
            priors, value = self.evaluate(*words)
            self.priors[state] = priors[0]
            self.node_visits[state] = 0
            return -float(value[0])
        action = self.best(state)
        after = play(own, opponent, action if action < 64 else PASS)
        value = self.look(int(after[0]), int(after[1]))
        edge, visits = (state, action), self.edge_visits.get((state, action), 0)
        mean = self.mean.get(edge, 0.0)
        self.mean[edge] = (visits * mean + value) / (visits + 1)
        self.edge_visits[edge] = visits + 1
        self.node_visits[state] += 1
        return -value

    def best(self, state: tuple[int, int]) -> int:
        own, opponent = (np.array([word], np.uint64) for word in state)
        best, found = -math.inf, -1
        for action in np.flatnonzero(legal_actions(own, opponent)[0]).tolist():
            prior, visits = float(self.priors[state][action]), self.node_visits[state]
            edge = state, action
            if edge in self.mean:
                root = math.sqrt(visits) / (1 + self.edge_visits[edge])
                score = self.mean[edge] + self.c_puct * prior * root
            else:
                score = self.c_puct * prior * math.sqrt(visits + 1e-8)
            if score > best:
                best, found = score, action
        return found
