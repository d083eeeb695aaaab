"""What was measured at each position, before means are taken.

Two methods are compared at the same positions, so their numbers are kept until the
verdict. Shapes use N positions; fewer where a measurement takes long, the first of
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.result import Curve, Findings, Measurement
from conceptlrp.statistics.estimates import (
    Estimate,
    estimate,
    known_mean,
    paired_difference,
)

Array = NDArray[Any]
#: Method, metric, target and part.
_Key = tuple[str, str, str, str]


@dataclass
class Scores:
    """Numbers (N,) by method, metric, target and part, and what follows from them.

    ``games`` (N,) names the game of each position.
    """

    games: NDArray[Any]
    curves: list[Curve] = field(default_factory=list)
    _found: dict[_Key, Array | Estimate] = field(default_factory=dict)

    def add(
        self,
        method: str,
        metric: str,
        values: Array | Mapping[str, Array],
        *,
        target: str = "best",
    ) -> None:
        """Keep values (N,) of a metric, or of each of its parts."""
        parts = values if isinstance(values, Mapping) else {"": values}
        for part, each in parts.items():
            self._found[method, metric, target, part] = np.asarray(each, np.float64)

    def add_estimate(
        self, method: str, metric: str, target: str, part: str, found: Estimate
    ) -> None:
        """Keep a number that is no mean over positions."""
        self._found[method, metric, target, part] = found

    def of(self, method: str, metric: str, target: str = "best") -> dict[str, Array]:
        """Return the numbers (N,) of a metric by part, none where it is unknown."""
        return {
            key[3]: found
            for key, found in self._found.items()
            if key[:3] == (method, metric, target) and not isinstance(found, Estimate)
        }

    def best(self, metric: str, target: str = "best") -> dict[str, float]:
        """Return the highest mean of any method by part, 0 at least."""
        found: dict[str, float] = {}
        for key, values in self._found.items():
            if key[1:3] == (metric, target) and not isinstance(values, Estimate):
                mean = float(known_mean(values))
                found[key[3]] = max(found.get(key[3], 0.0), mean)
        return found

    def difference(self, one: Array, other: ArrayLike) -> Estimate:
        """Compare numbers of the same positions, or with one number."""
        return paired_difference(one, other, self.games[: len(one)])

    @property
    def findings(self) -> Findings:
        """Means with intervals, and curves."""
        return Findings(
            tuple(
                Measurement(
                    *key,
                    found
                    if isinstance(found, Estimate)
                    else estimate(found, self.games[: len(found)]),
                )
                for key, found in self._found.items()
            ),
            tuple(self.curves),
        )
