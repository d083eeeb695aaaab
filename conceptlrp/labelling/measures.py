"""One measure of the channels, such as their relevance, against all labels.

Shapes use N positions, n rows (positions, or their squares), C channels and K labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.columns import (
    Columns,
    flat_table,
    nested_labels,
    testable_labels,
)
from conceptlrp.labelling.result import LabelCriteria
from conceptlrp.labels import Labels
from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    centered_ranks,
    effects,
    label_matrix,
)
from conceptlrp.statistics.resampling import exchanged_games
from conceptlrp.statistics.significance import Null, null_moments, permutation_p


@dataclass(frozen=True, eq=False)
class Half:
    """Positions that labels are found on, or confirmed on, with these labels."""

    positions: NDArray[np.intp]
    columns: Columns
    matrix: LabelMatrix

    def ranks(self, table: NDArray[Any]) -> NDArray[np.float32]:
        """Return the ranks of a table's rows, (n, C), within strata."""
        rows = flat_table(table[self.positions])
        return centered_ranks(rows, self.columns.strata)


@dataclass(frozen=True, eq=False)
class Compared:
    """Labels made ready for one kind of measure, values or maps.

    Of the halves the first is to find labels on, the other held out. ``good`` (K,)
    labels can be tested, ``nested`` (K, K) ones are no rivals, ``numbers`` has flags
    as numbers, and ``exchanges`` (B, n) has the rows whose labels each row is given in
    B permutations.
    """

    labels: Labels
    halves: tuple[Half, Half]
    good: NDArray[np.bool_]
    numbers: LabelMatrix
    nested: NDArray[np.bool_]
    exchanges: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class MeasureScore:
    """What one measure, a table (N, C) or (N, C, n, n), says of channels and labels.

    ``effect``, ``held_out`` and ``p`` (C, K) are nan for what cannot be tested;
    ``correlation`` (C, K) is that of ranks, flags being 0 and 1; ``random`` (K,) is the
    largest size of an effect in networks with random weights.
    """

    table: NDArray[Any]
    compared: Compared
    effect: Floats
    held_out: Floats
    p: Floats
    correlation: Floats
    random: Floats

    @property
    def confirming(self) -> Half:
        """The half that was held out."""
        return self.compared.halves[1]


def compare_labels(
    labels: Labels,
    columns: Columns,
    held_out: NDArray[np.bool_],
    asked: LabelCriteria,
) -> Compared:
    """Make labels ready to be compared with any channels of their positions."""
    halves = _half(columns, ~held_out, asked), _half(columns, held_out, asked)
    good = [testable_labels(h.columns, h.matrix, asked.games) for h in halves]
    games, strata = halves[0].columns.games, halves[0].columns.strata
    # The same exchanges for all networks: their nulls differ by the channels alone.
    exchanges = np.empty((asked.permutations, len(games)), np.int32)
    for b, row in enumerate(exchanges):
        row[:] = exchanged_games(games, strata, seed=asked.seed + 1 + b)
    return Compared(
        labels=labels,
        halves=halves,
        good=good[0] & good[1],
        numbers=_number_matrix(halves[0].columns),
        nested=nested_labels(columns),
        exchanges=exchanges,
    )


def score_measure(
    tables: list[NDArray[Any]],
    compared: Compared,
    *,
    scored: int = 1,
) -> list[MeasureScore]:
    """Score one measure of networks, each held against the others but the first."""
    halves, good = compared.halves, compared.good
    ranks: list[NDArray[np.float32]] = []
    found, correlation, sizes = [], [], []
    for place, table in enumerate(tables):
        finding = halves[0].ranks(table)
        both = [
            effects(finding, halves[0].matrix),
            effects(halves[1].ranks(table), halves[1].matrix),
        ]
        # What a random network reaches in either half is no finding in another.
        sizes.append(np.max([_largest(each) for each in both], axis=0))
        if place < scored:
            ranks.append(finding)
            found.append([np.where(good, each, np.nan) for each in both])
            correlation.append(effects(finding, compared.numbers))
    nulls = null_moments(
        ranks,
        halves[0].matrix.take(good),
        halves[0].columns.games,
        compared.exchanges,
    )
    return [
        MeasureScore(
            table=tables[i],
            compared=compared,
            effect=found[i][0],
            held_out=found[i][1],
            p=_p(found[i][0], null, good),
            correlation=correlation[i],
            random=np.where(good, _others(sizes, i), np.nan),
        )
        for i, null in enumerate(nulls)
    ]


def _number_matrix(columns: Columns) -> LabelMatrix:
    """Make labels ready for correlations of ranks, flags being numbers."""
    numbers = [
        column.astype(np.int8) if column.dtype == np.bool_ else column
        for column in columns.columns
    ]
    return label_matrix(numbers, columns.strata)


def _half(columns: Columns, chosen: NDArray[np.bool_], asked: LabelCriteria) -> Half:
    """Return the labels of some positions, ready to be compared."""
    positions = np.flatnonzero(chosen)
    part = columns.take(positions)
    matrix = label_matrix(part.columns, part.strata, prevalence=asked.prevalence)
    return Half(positions, part, matrix)


def _largest(found: Floats) -> Floats:
    """Return the largest size of each label's effect, at least 0."""
    largest: Floats = np.nanmax(np.abs(found), axis=0, initial=0)
    return largest


def _others(sizes: list[Floats], scored: int) -> Floats:
    """Return the largest sizes in the random networks but the one that is scored."""
    others = [size for i, size in enumerate(sizes) if i not in (0, scored)]
    largest: Floats = np.max([np.zeros_like(sizes[0]), *others], axis=0)
    return largest


def _p(effect: Floats, null: Null, good: NDArray[np.bool_]) -> Floats:
    p = np.full(effect.shape, np.nan)
    tested = effect[:, good]
    p[:, good] = permutation_p(tested, null.mean, null.deviation, null.freedom)
    return p
