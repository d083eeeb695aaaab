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
    estimates,
    known_mean,
    paired_difference,
)

Array = NDArray[Any]
#: Method, metric, target, part and baseline.
Key = tuple[str, str, str, str, str]


@dataclass
class Scores:
    """Numbers (N,) by method, metric, target and part, and what follows from them.

    ``games`` (N,) names the game of each position.
    """

    games: NDArray[Any]
    curves: list[Curve] = field(default_factory=list)
    _found: dict[Key, Array | Estimate] = field(default_factory=dict)

    def add(
        self,
        method: str,
        metric: str,
        values: Array | Mapping[str, Array],
        *,
        target: str = "best",
        baseline: str = "",
    ) -> None:
        """Keep values (N,) of a metric, or of each of its parts."""
        parts = values if isinstance(values, Mapping) else {"": values}
        for part, each in parts.items():
            key = (method, metric, target, part, baseline)
            self._found[key] = np.asarray(each, np.float64)

    def add_estimate(self, key: Key, found: Estimate) -> None:
        """Keep a number that is no mean over positions."""
        self._found[key] = found

    def of(
        self,
        method: str,
        metric: str,
        target: str = "best",
        baseline: str | None = None,
    ) -> dict[str, Array]:
        """Return the numbers (N,) of a metric by part, none where it is unknown.

        Without a baseline they are those of each part's own.
        """
        return {
            key[3]: found
            for key, found in self._found.items()
            if key[:3] == (method, metric, target)
            and baseline in (None, key[4])
            and not isinstance(found, Estimate)
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
        found = {k: e for k, e in self._found.items() if isinstance(e, Estimate)}
        lengths: dict[int, dict[Key, Array]] = {}
        for key, values in self._found.items():
            if not isinstance(values, Estimate):
                lengths.setdefault(len(values), {})[key] = values
        for length, columns in lengths.items():
            # Drawn together, games are drawn once.
            table = np.stack(list(columns.values()), axis=1)
            means = estimates(table, self.games[:length])
            found |= dict(zip(columns, means, strict=True))
        measured = (Measurement(*key[:4], found[key], key[4]) for key in self._found)
        return Findings(tuple(measured), tuple(self.curves))
