"""PUCT search in many positions at once, so that a network sees large batches.

Every simulation takes one step of every tree: all trees are descended together, their
new nodes are evaluated together, and the values go back up together. Each tree grows
as it would alone, up to the rounding of the network, so there is no virtual loss.

Shapes use N positions, one tree each, and A = n * n + 1 actions, the last of which is
the pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks.planes import legal_actions
from conceptlrp.selfplay.evaluators import Evaluator
from conceptlrp.selfplay.trees import Boards, Trees, back_up, descend, outcomes


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Options of a search by AlphaGo Zero's formula.

    In a position with visits N(a), mean values Q(a) (0 without a visit) and priors
    P(a), a simulation follows the action of the highest
    ``Q(a) + c_puct * P(a) * sqrt(sum_b N(b)) / (1 + N(a))``, where an action that no
    simulation has followed counts as if the sum were larger by 1e-8: as in
    alpha-zero-general, the first one goes to the highest prior. Of equals the lowest
    action is taken.

    Attributes
    ----------
    simulations : int
        Positions added to the tree below the root, which are the visits of its
        actions.
    c_puct : float
        Weight of priors against values.
    noise : float
        Share of Dirichlet noise in the priors of the root, 0 to 1.
    noise_alpha : float
        Concentration of that noise; AlphaZero takes about 10 over the number of legal
        moves, of which Othello has 8 on average.
    draw : float
        Value of a drawn game for the player who would be to move in its last
        position; -1 in alpha-zero-general.
    transpositions : bool
        Share what is known of a position between the ways that lead to it, as
        alpha-zero-general does.

    References
    ----------
    Silver et al., Nature 550 (2017), doi:10.1038/nature24270.
    """

    simulations: int = 100
    c_puct: float = 1.0
    noise: float = 0.0
    noise_alpha: float = 1.0
    draw: float = 0.0
    transpositions: bool = False

    def __post_init__(self) -> None:
        if self.simulations < 1:
            msg = f"simulations is {self.simulations}, expected 1 or more"
            raise ValueError(msg)
        if not (0 <= self.noise <= 1 and self.noise_alpha > 0 and self.c_puct >= 0):
            msg = (
                f"noise is {self.noise}, noise_alpha {self.noise_alpha} and c_puct "
                f"{self.c_puct}, expected 0 to 1, above 0, and 0 or more"
            )
            raise ValueError(msg)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found in N positions.

    Attributes
    ----------
    visits : ndarray of int32, shape (N, A)
        Simulations that followed each action.
    action_values : ndarray of float64, shape (N, A)
        Mean outcome for the player to move after each action; 0 without a visit.
    priors : ndarray of float32, shape (N, A)
        Of the root, noise included.
    """

    visits: NDArray[np.int32]
    action_values: NDArray[np.float64]
    priors: NDArray[np.float32]

    @property
    def value(self) -> NDArray[np.float64]:
        """Mean outcome of all simulations for the player to move, of shape (N,)."""
        total = (self.action_values * self.visits).sum(axis=1)
        value: NDArray[np.float64] = total / self.visits.sum(axis=1)
        return value


def search(
    evaluate: Evaluator,
    own: Boards,
    opponent: Boards,
    *,
    options: SearchOptions | None = None,
    rng: np.random.Generator | None = None,
) -> SearchResult:
    """Search positions (N,) that are not the end of a game; noise needs a generator."""
    chosen = options or SearchOptions()
    if not np.isnan(outcomes(own, opponent, size=evaluate.size, draw=0.0)).all():
        msg = "a position is the end of a game, where there is nothing to search"
        raise ValueError(msg)
    trees = Trees.planted(own, opponent, chosen.simulations + 1, evaluate.size)
    priors, _ = evaluate(own, opponent)
    if chosen.noise:
        legal = legal_actions(own, opponent, size=evaluate.size)
        priors = mix_noise(priors, legal, chosen, rng)
    trees.priors[:, 0] = priors
    for _ in range(chosen.simulations):
        _simulate(trees, evaluate, chosen)
    visits = trees.visits[:, 0]
    total = np.where(visits > 0, trees.total[:, 0], 0.0)
    return SearchResult(visits, total / np.maximum(visits, 1), trees.priors[:, 0])


def choose_actions(
    weights: NDArray[np.floating] | NDArray[np.integer],
    temperature: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw an action a row by ``weight ** (1 / temperature)``.

    At temperature 0 one of those of the largest weight is drawn.

    Examples
    --------
    >>> choose_actions(np.array([[0, 5, 2]]), 0.0, np.random.default_rng(0)).tolist()
    [1]
    """
    noise = rng.gumbel(size=weights.shape)
    if temperature == 0:
        peak = weights == weights.max(axis=1, keepdims=True)
        drawn = np.where(peak, noise, -np.inf)
    else:
        with np.errstate(divide="ignore"):
            # The highest of logarithms with Gumbel noise is a draw by the weights.
            drawn = np.log(weights) / temperature + noise
    chosen: NDArray[np.int64] = drawn.argmax(axis=1)
    return chosen


def mix_noise(
    priors: NDArray[np.float32],
    legal: NDArray[np.bool_],
    options: SearchOptions,
    rng: np.random.Generator | None,
) -> NDArray[np.float32]:
    """Mix the priors (N, A) of roots with Dirichlet noise over their legal actions."""
    if rng is None:
        msg = "noise is asked for, which needs a random generator"
        raise ValueError(msg)
    # Gamma draws divided by their sum are a Dirichlet draw.
    drawn = np.where(legal, rng.gamma(options.noise_alpha, size=legal.shape), 0.0)
    drawn /= np.maximum(drawn.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    mixed = (1 - options.noise) * priors + options.noise * drawn
    return mixed.astype(np.float32)


def _simulate(trees: Trees, evaluate: Evaluator, options: SearchOptions) -> None:
    descent = descend(trees, options)
    games = np.arange(len(trees.nodes))
    value = trees.outcome[games, descent.leaf]
    rows = np.flatnonzero(np.isnan(value))
    if len(rows):
        nodes = descent.leaf[rows]
        boards = trees.own[rows, nodes], trees.opponent[rows, nodes]
        trees.priors[rows, nodes], value[rows] = evaluate(*boards)
    back_up(trees, descent, value)
