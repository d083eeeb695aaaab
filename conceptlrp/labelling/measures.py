"""One measure of the channels, such as their relevance, against all labels.

Shapes use N positions, n rows (positions, or squares), C channels and K labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
from conceptlrp.labels.moves import kind_of
from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    centered_ranks,
    codes,
    effects,
    label_matrix,
)
from conceptlrp.statistics.significance import (
    Null,
    exchanged_games,
    null_moments,
    permutation_p,
    random_guard,
)

# What part of random channels may exceed a guard. Seven measures can name a channel,
# and together they should name at most 2 %.
_FEW: Final = 0.005


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
    labels can be tested, ``nested`` (K, K) ones are no rivals, labels of equal ``kin``
    (K,) are of one kind, and ``exchanges`` (B, n) has the rows whose labels each row is
    given in B permutations; ``margin`` is by how much effects must exceed random ones.
    Where they are held out, ``numbers`` has flags as numbers, ``alike`` (K, K) how
    these correlate, and ``mixed`` the same among squares whatever their contents, None
    where these are not told apart.
    """

    labels: Labels
    halves: tuple[Half, Half]
    good: NDArray[np.bool_]
    numbers: LabelMatrix
    alike: Floats
    mixed: LabelMatrix | None
    nested: NDArray[np.bool_]
    kin: NDArray[np.intp]
    exchanges: NDArray[np.int32]
    margin: float

    def sizes(self, halves: Sequence[Floats]) -> Floats:
        """Return sizes (C, K) of effects, the larger of both halves and of all kin.

        What a random network reaches in either half is no finding in another. It has
        no side of its own: what one channel shows of a square, another may of any.
        """
        own = np.nan_to_num(np.abs(halves)).max(axis=0)
        largest = np.zeros((int(self.kin.max(initial=-1)) + 1, len(own)))
        np.maximum.at(largest, self.kin, own.T)
        return largest[self.kin].T


@dataclass(frozen=True, eq=False)
class MeasureScore:
    """What one measure, a table (N, C) or (N, C, n, n), says of channels and labels.

    ``effect``, ``held_out`` and ``p`` (C, K) are nan for what cannot be tested;
    ``correlation`` (C, K) is that of ranks where they are held out, flags being 0 and
    1, ``mixed`` (C, K) the same among squares whatever their contents; ``random`` (K,)
    is the `random_guard` of networks with random weights. Effects that were
    turned round, held-out ones by ``turning`` (C, K), stand for their correlation.
    """

    table: NDArray[Any]
    compared: Compared
    effect: Floats
    held_out: Floats
    p: Floats
    correlation: Floats
    mixed: Floats | None
    random: Floats
    turning: Floats | None = None

    @property
    def confirming(self) -> Half:
        """The half that was held out."""
        return self.compared.halves[1]


def compare_labels(
    labels: Labels,
    columns: Columns,
    held_out: NDArray[np.bool_],
    asked: LabelCriteria,
    *,
    kinds: Sequence[str] | None = None,
    exchange: Callable[[Columns], NDArray[np.int32]] | None = None,
) -> Compared:
    """Make labels ready to be compared, by default by moves' kinds and games."""
    halves = _half(columns, ~held_out, asked), _half(columns, held_out, asked)
    good = [testable_labels(h.columns, h.matrix, asked.games) for h in halves]
    games, strata = halves[0].columns.games, halves[0].columns.strata
    confirming = halves[1].columns
    table = np.stack(confirming.columns, axis=1).astype(np.float32)
    numbers = label_matrix(list(table.T), confirming.strata)
    ranks = centered_ranks(table, confirming.strata)
    mixed = confirming.mixed
    # The same exchanges for all networks: their nulls differ by the channels alone.
    if exchange is not None:
        exchanges = exchange(halves[0].columns)
    else:
        exchanges = np.empty((asked.permutations, len(games)), np.int32)
        for b, row in enumerate(exchanges):
            row[:] = exchanged_games(games, strata, seed=asked.seed + 1 + b)
    return Compared(
        labels=labels,
        halves=halves,
        good=good[0] & good[1],
        numbers=numbers,
        alike=np.nan_to_num(effects(ranks, numbers)),
        mixed=None if mixed is None else label_matrix(list(table.T), mixed),
        nested=nested_labels(columns),
        kin=codes(kinds or [kind_of(name) for name in labels.names]),
        exchanges=exchanges,
        margin=asked.over_random,
    )


def score_measure(
    tables: list[NDArray[Any]],
    compared: Compared,
    *,
    scored: int = 1,
    trained: int = 1,
    turned: bool = False,
) -> list[MeasureScore]:
    """Score one measure of networks, each against the random ones after `trained`."""
    halves, good = compared.halves, compared.good
    ranks: list[NDArray[np.float32]] = []
    found, correlation, mixed, sizes, raw, turnings = [], [], [], [], [], []
    for place, table in enumerate(tables):
        finding, confirming = (half.ranks(table) for half in halves)
        both = [
            effects(finding, halves[0].matrix),
            effects(confirming, halves[1].matrix),
        ]
        plain, turning = both[0], None
        if turned:
            turning = turning_round(confirming, halves[1].matrix)
            both[0] = both[0] * turning_round(finding, halves[0].matrix)
            # What the strongest boards lack, nearly all boards do.
            both = [np.maximum(each, 0) for each in (both[0], both[1] * turning)]
        sizes.append(compared.sizes(both))
        if place < scored:
            ranks.append(finding)
            found.append([np.where(good, each, np.nan) for each in both])
            raw.append(plain)
            turnings.append(turning)
            correlation.append(
                both[1] if turned else effects(confirming, compared.numbers)
            )
            mixed.append(_mixed(table, compared))
    nulls = null_moments(
        ranks, halves[0].matrix.take(good), halves[0].columns.games, compared.exchanges
    )
    guards = [_guard(sizes, i, trained, compared.margin) for i in range(scored)]
    return [
        MeasureScore(
            table=tables[i],
            compared=compared,
            effect=found[i][0],
            held_out=found[i][1],
            p=_p(raw[i], null, good),
            correlation=correlation[i],
            mixed=mixed[i],
            random=np.where(good, guards[i], np.nan),
            turning=turnings[i],
        )
        for i, null in enumerate(nulls)
    ]


def _half(columns: Columns, chosen: NDArray[np.bool_], asked: LabelCriteria) -> Half:
    positions = np.flatnonzero(chosen)
    part = columns.take(positions)
    matrix = label_matrix(part.columns, part.strata, prevalence=asked.prevalence)
    return Half(positions, part, matrix)


def _mixed(table: NDArray[Any], compared: Compared) -> Floats | None:
    if compared.mixed is None:
        return None
    rows = flat_table(table[compared.halves[1].positions])
    return effects(centered_ranks(rows, compared.mixed.strata), compared.mixed)


def _guard(sizes: list[Floats], scored: int, trained: int, margin: float) -> Floats:
    """Return what few channels of random networks but the scored one exceed."""
    others = [size for i, size in enumerate(sizes) if i >= trained and i != scored]
    return random_guard([sizes[0][:0], *others], margin, _FEW)


def _p(effect: Floats, null: Null, good: NDArray[np.bool_]) -> Floats:
    p = np.full(effect.shape, np.nan)
    tested = effect[:, good]
    p[:, good] = permutation_p(tested, null.mean, null.deviation, null.freedom)
    return p


# A channel that is used for h7 on few boards hardly tells h7 on all of them, where its
# relevance is about 0 and in any order; yet the boards that a reader is shown are all
# of h7. So effects are turned round: of the strongest boards, the part that has the
# label, less that of other boards of their plies. In random networks these are of many
# moves.
# How many boards are the strongest: this part, at least so many, at most that part.
_PART: Final = 0.01
_FEWEST: Final = 100
_MOST: Final = 0.05


def strongest_boards(table: NDArray[Any]) -> NDArray[np.float32]:
    """Return each channel's strongest positions (N, C), 0 or 1; ties share ranks."""
    n = len(table)
    number = min(max(_PART * n, _FEWEST), _MOST * n)
    ranks = centered_ranks(table, np.zeros(n, np.intp))
    # The largest of n ranks about a mean of 0 is (n - 1) / 2.
    strong = ranks > n / 2 - number
    strong &= strong.sum(axis=0) >= number / 2
    return strong.astype(np.float32)


def turning_round(ranks: NDArray[np.float32], matrix: LabelMatrix) -> Floats:
    """Return what turns effects (C, K) of flags on flags round; nan for numbers.

    ``P(a | b) - P(a | not b)`` becomes ``P(b | a) - P(b | not a)``: pairs of rows are
    the same, and only their number differs.
    """
    inverse = (1 / np.bincount(matrix.strata))[matrix.strata]
    # With t of n rows in a stratum, centred ranks of flags are (n - t) / 2 and -t / 2.
    pairs = 4 * np.einsum("nc,nc,n->c", ranks, ranks, inverse, dtype=np.float64)
    labelled = np.where(matrix.numeric, np.nan, matrix.bottom)
    return np.asarray(labelled / np.where(pairs > 0, pairs, np.nan)[:, None])
