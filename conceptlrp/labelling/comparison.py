"""Labels made ready to be compared with channels, for many layers and networks.

Shapes use N positions, M of them with maps, C channels, K labels and n x n squares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labelling.columns import position_columns, square_columns
from conceptlrp.labelling.measures import (
    Compared,
    MeasureScore,
    compare_labels,
    score_measure,
)
from conceptlrp.labelling.names import name_channels
from conceptlrp.labelling.results import LabelCriteria, LabelScores
from conceptlrp.labels import Labels
from conceptlrp.statistics.ranks import Floats
from conceptlrp.statistics.resampling import held_out_games
from conceptlrp.statistics.significance import benjamini_hochberg


@dataclass(frozen=True, eq=False)
class Comparison:
    """Labels of positions, and how channels are compared with them.

    Attributes
    ----------
    labels : Labels
        Labels of N positions.
    games, phases : int arrays of shape (N,)
        Game and phase of each position, numbered from 0.
    criteria : LabelCriteria
        What a label must fulfil.
    size : int
        Side of the board.
    mapped : int array of shape (M,), optional
        Which of the N positions maps are of; all of them by default.
    within : array of shape (M, n, n), optional
        Squares of maps are compared with those of the same value alone.
    """

    labels: Labels
    games: NDArray[np.intp]
    phases: NDArray[np.intp]
    criteria: LabelCriteria
    size: int = 8
    mapped: NDArray[np.int64] | None = None
    within: NDArray[Any] | None = None

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """Which positions are of games that labels are confirmed on, (N,)."""
        asked = self.criteria
        return held_out_games(self.games, share=asked.held_out, seed=asked.seed)

    @cached_property
    def of_values(self) -> Compared:
        """Labels that values of positions are compared with."""
        columns = position_columns(self.labels, self.phases, self.games)
        return compare_labels(self.labels, columns, self.held_out, self.criteria)

    @cached_property
    def of_maps(self) -> Compared:
        """Labels that maps are compared with."""
        rows = slice(None) if self.mapped is None else self.mapped
        labels, held_out = self.labels.take(rows), self.held_out[rows]
        if held_out.all() or not held_out.any():
            message = (
                f"all {len(held_out)} positions with maps are of games on one side of "
                "the split, expected some on both; take more positions with maps"
            )
            raise ValueError(message)
        columns = square_columns(
            labels, self.phases[rows], self.games[rows], self.size, self.within
        )
        return compare_labels(labels, columns, held_out, self.criteria)

    def score(
        self, networks: Sequence[Mapping[str, ArrayLike]], *, scored: int | None = None
    ) -> list[LabelScores]:
        """Score networks by the same rules, each held against the random ones.

        Returns: a network with random weights is held against the others of its kind.
        """
        number = len(networks) if scored is None else scored
        by_measure: dict[str, list[MeasureScore]] = {}
        for measure in networks[0]:
            tables = [np.asarray(network[measure]) for network in networks]
            compared = self.of_values if tables[0].ndim == 2 else self.of_maps
            by_measure[measure] = score_measure(tables, compared, scored=number)
        return [
            self._found({m: each[i] for m, each in by_measure.items()})
            for i in range(number)
        ]

    def _found(self, scored: Mapping[str, MeasureScore]) -> LabelScores:
        q = benjamini_hochberg(np.stack([each.p for each in scored.values()]))
        corrected = dict(zip(scored, q, strict=True))

        def arrays(field: str) -> dict[str, Floats]:
            return {m: getattr(score, field) for m, score in scored.items()}

        return LabelScores(
            labels=self.labels.names,
            effect=arrays("effect"),
            held_out=arrays("held_out"),
            p=arrays("p"),
            q=corrected,
            random=arrays("random"),
            channels=name_channels(scored, corrected, self.criteria),
            criteria=self.criteria,
        )
