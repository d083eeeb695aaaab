"""The positions of an evaluation, and what was measured at each of them.

Two methods are compared at the same positions, so their numbers are kept until the
verdict. Shapes use N positions, fewer (the first of them) where a measurement takes
long, n x n squares, S = n * n of them in a row, and A actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.result import Curve, Findings, Measurement
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import VALUE, Outputs, ask, best_actions, boards_of
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.twins import position_keys
from conceptlrp.statistics.estimates import (
    Estimate,
    estimates,
    known_mean,
    paired_difference,
)


@dataclass(frozen=True)
class Sample:
    """Positions with at least two legal moves, and what the network says of them.

    ``boards`` (N, n, n) and ``legal`` actions (N, A) are those of the corpus; ``best``
    (N,) is the legal move with the highest logit, ``other`` (N,) a random other one.
    """

    corpus: Corpus
    boards: NDArray[np.int8]
    legal: NDArray[np.bool_]
    outputs: Outputs
    best: NDArray[np.int64]
    other: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boards)

    @property
    def discs(self) -> NDArray[np.int8]:
        """Boards in a row, (N, S)."""
        return self.boards.reshape(len(self), -1)

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Squares (N, S) with a disc."""
        return np.asarray(self.discs != 0)

    @cached_property
    def games(self) -> NDArray[np.int64]:
        """Return the game (N,) of each position, twins being one, for a bootstrap."""
        return position_keys(self.corpus)

    def actions(self, target: str) -> NDArray[np.int64]:
        """Return the actions (N,) of a target, "best", "other" or "value"."""
        named = {"best": self.best, "other": self.other}
        return named.get(target, np.full(len(self), VALUE))

    def take(self, n: int) -> "Sample":
        """Return the first n positions."""
        rows = slice(n)
        return Sample(
            self.corpus[rows],
            self.boards[rows],
            self.legal[rows],
            Outputs(self.outputs.logits[rows], self.outputs.value[rows]),
            self.best[rows],
            self.other[rows],
        )


def draw_sample(
    explainer: Explainer, corpus: Corpus, *, n_positions: int = 500, seed: int = 0
) -> Sample:
    """Draw positions with at least two legal moves."""
    open_rows = np.flatnonzero(np.bitwise_count(corpus.legal) > 1)
    generator = np.random.default_rng(seed)
    # In random order, so that the first of them are a sample too.
    rows = generator.permutation(open_rows)[:n_positions]
    if len(rows) < 2:
        msg = (
            f"{len(rows)} of {len(corpus)} positions have two legal moves, expected "
            "at least 2; pass more positions"
        )
        raise ValueError(msg)
    chosen = corpus[rows]
    boards = boards_of(chosen)
    outputs = ask(explainer, boards)
    legal = legal_actions(chosen.own, chosen.opponent, size=chosen.size)
    legal = legal[:, : outputs.logits.shape[1]]
    best = best_actions(outputs.logits, legal)
    others = legal.copy()
    others[np.arange(len(rows)), best] = False
    lots = np.where(others, generator.random(legal.shape), -1.0)
    return Sample(chosen, boards, legal, outputs, best, lots.argmax(axis=1))


Array = NDArray[Any]
#: Method, metric, target, part and baseline.
Key = tuple[str, str, str, str, str]


@dataclass
class Scores:
    """Numbers (N,) by method, metric, target and part, of positions of `games` (N,)."""

    games: NDArray[Any]
    curves: list[Curve] = field(default_factory=list)
    _found: dict[Key, Array | Estimate] = field(default_factory=dict)

    def add(
        self,
        method: str,
        metric: str,
        values: Array | Mapping[str, Array | Estimate],
        *,
        target: str = "best",
        baseline: str = "",
    ) -> None:
        """Keep values (N,) of a metric, or of each of its parts, or their estimate."""
        parts = values if isinstance(values, Mapping) else {"": values}
        for part, each in parts.items():
            key = (method, metric, target, part, baseline)
            known = isinstance(each, Estimate)
            self._found[key] = each if known else np.asarray(each, np.float64)

    def of(
        self,
        method: str,
        metric: str,
        target: str = "best",
        baseline: str | None = None,
    ) -> dict[str, Array]:
        """Return numbers (N,) of a metric by part; default: above its own baseline."""
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
