"""Labels as columns to score channels by: of positions, and of their squares.

Shapes use N positions, C channels, K labels, n rows of columns and a board of
s squares.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.masks import flat_maps, mask_bits
from conceptlrp.labels import LOCATION_CLASSES, Labels, location_classes
from conceptlrp.labels.labels import Words
from conceptlrp.othello.board import count
from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    centered_ranks,
    codes,
    effects,
    label_matrix,
)

# Sets of squares that more positions than this have are told apart by size.
_COMMON: Final = 0.9
# A label is nested in another if that fails this many times less often with it.
_NESTED: Final = 10
# Labels that correlate this much are alike; with this effect one tells the other.
_ALIKE: Final = 0.9
_TOLD: Final = 0.8


@dataclass(frozen=True, eq=False)
class Columns:
    """Labels of rows, their strata and games; each position has ``squares`` rows."""

    names: tuple[str, ...]
    columns: list[NDArray[Any]]
    strata: NDArray[np.intp]
    games: NDArray[np.intp]
    squares: int

    def rows(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of positions, in their order."""
        squares = np.arange(self.squares)
        return (positions[:, None] * self.squares + squares).ravel()

    def take(self, positions: NDArray[np.intp]) -> "Columns":
        """Return the columns of some positions."""
        rows = self.rows(positions)
        columns = [column[rows] for column in self.columns]
        return replace(
            self, columns=columns, strata=self.strata[rows], games=self.games[rows]
        )


def position_columns(
    labels: Labels, phases: NDArray[np.intp], games: NDArray[np.intp]
) -> Columns:
    """Return the labels that values of positions are scored against.

    Positions are compared within phases. A set of squares holds where it is not empty;
    if it is empty in at most one of ten positions, its size is taken.
    """
    sets = {name: presence(words) for name, words in labels.masks.items()}
    columns = {**labels.position, **sets}
    ordered = [columns[name] for name in labels.names]
    return Columns(labels.names, ordered, phases, games, 1)


def square_columns(
    labels: Labels,
    phases: NDArray[np.intp],
    games: NDArray[np.intp],
    size: int,
    within: NDArray[Any] | None = None,
) -> Columns:
    """Return the labels that maps are scored against: sets of squares.

    Squares are compared within phases and location classes, and with those of the
    same value of `within` (N, n, n). Labels of whole positions are left empty.
    """
    # A channel that only knows corners from edges must not earn a label of squares.
    classes = location_classes(size)
    on_board = classes[classes >= 0]
    strata = phases[:, None] * len(LOCATION_CLASSES) + on_board
    if within is not None:
        kinds = codes(within).reshape(strata.shape)
        strata = strata * (int(kinds.max(initial=0)) + 1) + kinds
    masks = labels.masks
    nothing = np.zeros(strata.size, np.bool_)
    ordered = [
        mask_bits(masks[name][:, None], size).ravel() if name in masks else nothing
        for name in labels.names
    ]
    repeated = np.repeat(games, on_board.size)
    return Columns(labels.names, ordered, strata.ravel(), repeated, on_board.size)


def presence(words: Words) -> NDArray[Any]:
    """Tell where sets of squares (N,) are not empty; if hardly any is, their size."""
    present = words != 0
    common = len(words) > 0 and present.mean() > _COMMON
    found: NDArray[Any] = count(words).astype(np.int16) if common else present
    return found


def flat_table(table: NDArray[Any]) -> NDArray[Any]:
    """Return values (N, C), or maps (N, C, n, n), one row a position or square."""
    if table.ndim == 2:
        return table
    return flat_maps(table).reshape(-1, table.shape[1])


def testable_labels(
    columns: Columns, matrix: LabelMatrix, games: int
) -> NDArray[np.bool_]:
    """Tell which labels can be compared, and are unusual in enough games."""
    spread = [
        len(np.unique(columns.games[column != _usual(column)]))
        for column in columns.columns
    ]
    return (matrix.bottom > 0) & (np.array(spread, np.intp) >= games)


def nested_labels(columns: Columns) -> NDArray[np.bool_]:
    """Tell which pairs (K, K) say nearly the same, or one more than the other.

    Two labels say the same if their ranks correlate by 0.9 or more within strata. A
    flag a is nested in a flag b if ``P(not b | a) <= P(not b) / 10``, and in a number
    that tells with an AUROC of 0.9 or more where it holds, as mobility tells where a
    move is forced.
    """
    table = np.stack(columns.columns, axis=1).astype(np.float32)
    ranks = centered_ranks(table, columns.strata)
    size = np.sqrt(np.square(ranks).sum(axis=0, dtype=np.float64))
    size[size == 0] = 1
    # Within strata: the phase alone would make most labels alike.
    alike = np.abs(ranks.T @ ranks / size / size[:, None]) >= _ALIKE
    matrix = label_matrix(columns.columns, columns.strata)
    flags, told = ~matrix.numeric, np.nan_to_num(np.abs(effects(ranks, matrix)))
    implied = _implied(table) & flags & flags[:, None]
    implied |= (told >= _TOLD) & flags & ~flags[:, None]
    found: NDArray[np.bool_] = alike | implied | implied.T
    return found


def _implied(flags: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for which pairs the first label hardly ever comes without the second."""
    having = np.maximum(flags.sum(axis=0), 1)
    without: Floats = 1 - (flags.T @ flags) / having[:, None]
    found: NDArray[np.bool_] = without <= (1 - flags.mean(axis=0)) / _NESTED
    return found


def _usual(column: NDArray[Any]) -> Any:
    """Return the value that most rows of a column have."""
    if column.dtype == np.bool_:
        return column.mean() > 0.5
    values, number = np.unique(column, return_counts=True)
    return values[number.argmax()]
