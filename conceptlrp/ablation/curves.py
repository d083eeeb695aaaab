"""Curves of an output while parts of the evidence are taken away.

Shapes use N positions and K steps.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.estimates import Estimate, estimate, estimates

Array = NDArray[Any]


@dataclass(frozen=True)
class DeletionCurves:
    """An output after k parts are taken away, most and least relevant first.

    Attributes
    ----------
    steps : tuple of int
        How many parts are gone after each of the K steps.
    start : ndarray of shape (N,)
        The output with nothing taken away.
    most_first, least_first : ndarray of shape (N, K)
        The output after each step, in either order.
    changed : ndarray of bool, shape (N, K)
        Whether the best legal move is another one, most relevant first.

    References
    ----------
    Samek et al., IEEE TNNLS 28 (2017), doi:10.1109/TNNLS.2016.2599820 (the fall);
    Blücher et al., TMLR 2024 (both orders together: the symmetric relevance gain).
    """

    steps: tuple[int, ...]
    start: Array
    most_first: Array
    least_first: Array
    changed: NDArray[np.bool_]

    @property
    def fall(self) -> Array:
        """How far the output has fallen after each step, (N, K)."""
        fall: Array = self.start[:, None] - self.most_first
        return fall

    @property
    def area(self) -> Array:
        """Mean fall over the steps, (N,)."""
        area: Array = self.fall.mean(axis=1)
        return area

    @property
    def gain(self) -> Array:
        """Symmetric relevance gain (SRG), (N,): mean over steps of least less most.

        Each order alone ranks methods differently from one way of taking away to
        the next; their difference does so far less.
        """
        gain: Array = (self.least_first - self.most_first).mean(axis=1)
        return gain

    def estimate_gain(self, games: ArrayLike, *, seed: int = 0) -> Estimate:
        """Return the mean gain and its interval, games being drawn."""
        return estimate(self.gain, games, seed=seed)

    def to_dict(self, games: ArrayLike, *, seed: int = 0) -> dict[str, Any]:
        """Return means and intervals of every step, ready for JSON."""
        fall = estimates(self.fall, games, seed=seed)
        rise = estimates(self.start[:, None] - self.least_first, games, seed=seed)
        return {
            "steps": list(self.steps),
            "fall": [each.to_dict() for each in fall],
            "fall_least_first": [each.to_dict() for each in rise],
            "changed": [float(share) for share in self.changed.mean(axis=0)],
        }
