"""One measure of the channels, such as their relevance, against all labels.

Shapes use N positions, n rows (positions, or their squares), C channels and K labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.evaluation.label_columns import (
    Columns,
    flat_table,
    nested_labels,
    testable_labels,
)
from conceptlrp.evaluation.label_results import LabelCriteria
from conceptlrp.evaluation.null import null_effects
from conceptlrp.evaluation.ranks import (
    Floats,
    LabelMatrix,
    centered_ranks,
    effects,
    label_matrix,
)
from conceptlrp.evaluation.resampling import exchanged_games
from conceptlrp.evaluation.significance import permutation_p


@dataclass(frozen=True, eq=False)
class Half:
    """Positions that labels are found on, or confirmed on.

    Attributes
    ----------
    positions : int array
        Which of the N positions.
    columns : Columns
        Their labels.
    matrix : LabelMatrix
        The same, ready to be compared.
    """

    positions: NDArray[np.intp]
    columns: Columns
    matrix: LabelMatrix

    def ranks(self, table: NDArray[Any]) -> NDArray[np.float32]:
        """Return the ranks of a table's rows, (n, C), within strata."""
        rows = flat_table(table[self.positions])
        return centered_ranks(rows, self.columns.strata)

    def exchanges(self, number: int, seed: int) -> Iterator[NDArray[np.intp]]:
        """Yield exchanges of rows between games, within strata."""
        games, strata = self.columns.games, self.columns.strata
        for b in range(number):
            yield exchanged_games(games, strata, seed=seed + b)


@dataclass(frozen=True, eq=False)
class MeasureScore:
    """What one measure says of every channel and label.

    Attributes
    ----------
    table : array of shape (N, C) or (N, C, n, n)
        The measure.
    confirming : Half
        The half that was held out.
    effect, held_out, p : float64 of shape (C, K)
        Effects in both halves, and p-values; NaN for what cannot be tested.
    correlation : float64 of shape (C, K)
        Correlation of ranks with every label, flags being 0 and 1.
    random : float64 of shape (K,)
        Largest size of an effect in networks with random weights.
    nested : bool of shape (K, K)
        Labels that are no rivals of each other.
    """

    table: NDArray[Any]
    confirming: Half
    effect: Floats
    held_out: Floats
    p: Floats
    correlation: Floats
    random: Floats
    nested: NDArray[np.bool_]


def make_halves(
    columns: Columns, held_out: NDArray[np.bool_], asked: LabelCriteria
) -> tuple[Half, Half]:
    """Divide labels into those of the games to find on and of those held out."""
    halves = []
    for chosen in (~held_out, held_out):
        positions = np.flatnonzero(chosen)
        part = columns.take(positions)
        matrix = label_matrix(part.columns, part.strata, prevalence=asked.prevalence)
        halves.append(Half(positions, part, matrix))
    return halves[0], halves[1]


def score_measure(
    tables: list[NDArray[Any]],
    columns: Columns,
    halves: tuple[Half, Half],
    asked: LabelCriteria,
) -> MeasureScore:
    """Score one measure of the trained network.

    Parameters
    ----------
    tables : list of arrays
        Of that network, then of those with random weights.
    columns : Columns
        Labels of all positions.
    halves : pair of Half
        The positions to find labels on, and those held out.
    asked : LabelCriteria
        Size of the null distribution, and what makes a label testable.
    """
    good = np.all(
        [testable_labels(h.columns, h.matrix, asked.games) for h in halves], 0
    )
    ranks = halves[0].ranks(tables[0])
    effect = np.where(good, effects(ranks, halves[0].matrix), np.nan)
    exchanges = halves[0].exchanges(asked.permutations, asked.seed + 1)
    null = null_effects(ranks, halves[0].matrix, halves[0].columns.games, exchanges)
    held_out = effects(halves[1].ranks(tables[0]), halves[1].matrix)
    random = [largest_effects(tables[1:], half) for half in halves]
    return MeasureScore(
        table=tables[0],
        confirming=halves[1],
        effect=effect,
        held_out=np.where(good, held_out, np.nan),
        p=permutation_p(effect, null.mean, null.deviation, null.freedom),
        correlation=correlations(ranks, halves[0].columns),
        random=np.where(good, np.max(random, axis=0), np.nan),
        nested=nested_labels(columns),
    )


def correlations(ranks: NDArray[np.float32], columns: Columns) -> Floats:
    """Return correlations of ranks with labels, flags being numbers, (C, K)."""
    numbers = [
        column.astype(np.int8) if column.dtype == np.bool_ else column
        for column in columns.columns
    ]
    return effects(ranks, label_matrix(numbers, columns.strata))


def largest_effects(tables: list[NDArray[Any]], half: Half) -> Floats:
    """Return the largest size of each label's effect in some networks, at least 0."""
    largest = np.zeros(len(half.matrix.bottom))
    for table in tables:
        sizes = np.abs(effects(half.ranks(table), half.matrix))
        largest = np.fmax(largest, sizes.max(axis=0, initial=0))
    return largest
