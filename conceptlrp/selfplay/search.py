"""Tree search in many positions at once, so that a network sees large batches.

Every simulation takes one step of every tree: all trees are descended together, their
new nodes are evaluated together, and the values go back up together. Each tree grows
as it would alone, up to the rounding of the network, so there is no virtual loss.

Shapes use N positions, one tree each, and A = n * n + 1 actions.
"""

import numpy as np

from conceptlrp.networks.planes import legal_actions
from conceptlrp.selfplay.evaluators import Boards, Evaluator, Float32Array
from conceptlrp.selfplay.moves import outcomes
from conceptlrp.selfplay.search_options import SearchOptions, SearchResult
from conceptlrp.selfplay.trees import Trees, back_up, descend


def search(
    evaluate: Evaluator,
    own: Boards,
    opponent: Boards,
    options: SearchOptions | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> SearchResult:
    """Search positions that are not the end of a game.

    Parameters
    ----------
    evaluate : Evaluator
        Such as a `NetworkEvaluator`.
    own, opponent : ndarray of uint64, shape (N,)
        Discs of the player to move and of the other one.
    options : SearchOptions, optional
        Simulations and so on.
    rng : numpy.random.Generator, optional
        Draws the noise of the root; needed where there is any.

    Returns
    -------
    SearchResult
        Visits, values and priors of the roots' actions.

    Raises
    ------
    ValueError
        If a game is over, or noise is asked for without a generator.
    """
    chosen = options or SearchOptions()
    if not np.isnan(outcomes(own, opponent, size=evaluate.size, draw=0.0)).all():
        message = "a position is the end of a game, where there is nothing to search"
        raise ValueError(message)
    trees = Trees.planted(own, opponent, chosen.simulations + 1, evaluate.size)
    priors, _ = evaluate(own, opponent)
    trees.priors[:, 0] = mix_noise(priors, own, opponent, chosen, evaluate.size, rng)
    for _ in range(chosen.simulations):
        _simulate(trees, evaluate, chosen)
    visits = trees.visits[:, 0]
    total = np.where(visits > 0, trees.total[:, 0], 0.0)
    return SearchResult(visits, total / np.maximum(visits, 1), trees.priors[:, 0])


def mix_noise(
    priors: Float32Array,
    own: Boards,
    opponent: Boards,
    options: SearchOptions,
    size: int,
    rng: np.random.Generator | None,
) -> Float32Array:
    """Mix the priors (N, A) of roots with Dirichlet noise over their legal actions.

    Parameters
    ----------
    priors : ndarray of float32, shape (N, A)
        What the network says.
    own, opponent : ndarray of uint64, shape (N,)
        The roots.
    options : SearchOptions
        Share and concentration of the noise.
    size : int
        Squares along one side of the board, 6 or 8.
    rng : numpy.random.Generator or None
        Draws the noise.

    Returns
    -------
    ndarray of float32, shape (N, A)
        The priors themselves where the share is 0.

    Raises
    ------
    ValueError
        If noise is asked for without a generator.
    """
    if options.noise == 0:
        return priors
    if rng is None:
        message = "noise is asked for, which needs a random generator"
        raise ValueError(message)
    legal = legal_actions(own, opponent, size=size)
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
