"""What a tree search is told, what it gives back, and how a move is chosen from that.

Shapes use N positions and A = n * n + 1 actions of a board of n x n squares, the last
being the pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        Value of a drawn game for the player who would be to move in its last position.
    transpositions : bool
        Share what is known of a position between the ways that lead to it.

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
            message = f"simulations is {self.simulations}, expected 1 or more"
            raise ValueError(message)
        if not (0 <= self.noise <= 1 and self.noise_alpha > 0 and self.c_puct >= 0):
            message = (
                f"noise is {self.noise}, noise_alpha {self.noise_alpha} and c_puct "
                f"{self.c_puct}, expected 0 to 1, above 0, and 0 or more"
            )
            raise ValueError(message)

    @classmethod
    def alpha_zero_general(
        cls, simulations: int = 25, *, c_puct: float = 1.0
    ) -> "SearchOptions":
        """Return options with which a network plays as in alpha-zero-general.

        There a drawn game is lost for the player to move at its end, ways to one
        position share their visits, there is no noise, and the first simulation only
        looks at the root.

        Parameters
        ----------
        simulations : int
            As it is called there (``numMCTSSims``), 2 or more.
        c_puct : float
            As it is called there (``cpuct``).

        Returns
        -------
        SearchOptions
            With one simulation less. The tree that is kept from move to move there
            is not: each search begins anew.
        """
        return cls(
            simulations=simulations - 1,
            c_puct=c_puct,
            draw=-1.0,
            transpositions=True,
        )


@dataclass(frozen=True)
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


def choose_actions(
    weights: NDArray[np.floating] | NDArray[np.integer],
    temperature: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw actions by their visits.

    Parameters
    ----------
    weights : ndarray, shape (N, A)
        Visits, or anything else that is 0 or more, with one above 0 in each row.
    temperature : float
        An action is drawn with a probability proportional to
        ``weight ** (1 / temperature)``; at 0 one of those of the largest weight.
    rng : numpy.random.Generator
        Decides, also between equals.

    Returns
    -------
    ndarray of int64, shape (N,)
        Actions.

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
