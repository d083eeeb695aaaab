"""One measure of the channels, such as their relevance: its labels, and the names.

Shapes use N positions, n rows (positions, or squares), C channels and K labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.columns import (
    Columns,
    flat_table,
    nested_labels,
    relevance_iou,
    relevance_share,
    testable_labels,
    within_board_auroc,
)
from conceptlrp.labelling.result import (
    ChannelLabels,
    LabelCriteria,
    NamedLabel,
)
from conceptlrp.labels import Labels
from conceptlrp.labels.moves import kind_of
from conceptlrp.statistics.estimates import known_interval
from conceptlrp.statistics.intervals import LEAST_GAMES
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
    effect_intervals,
    exchanged_games,
    null_moments,
    permutation_p,
)


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
    as numbers, labels of equal ``kin`` (K,) are of one kind, and ``exchanges`` (B, n)
    has the rows whose labels each row is given in B permutations.
    """

    labels: Labels
    halves: tuple[Half, Half]
    good: NDArray[np.bool_]
    numbers: LabelMatrix
    nested: NDArray[np.bool_]
    kin: NDArray[np.intp]
    exchanges: NDArray[np.int32]

    def sizes(self, found: Floats) -> Floats:
        """Return the largest size (K,) of effects (n, K), kin having that of all.

        A network with random weights has no side of its own: what one channel shows of
        a square, another may show of any.
        """
        largest = np.zeros(int(self.kin.max(initial=-1)) + 1)
        own = np.nanmax(np.abs(found), axis=0, initial=0)
        np.maximum.at(largest, self.kin, own)
        return largest[self.kin]


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
    *,
    kinds: Sequence[str] | None = None,
    exchange: Callable[[Columns], NDArray[np.int32]] | None = None,
) -> Compared:
    """Make labels ready to be compared with any channels of their positions.

    By default their kinds are those of moves, and rows exchanged by games.
    """
    halves = _half(columns, ~held_out, asked), _half(columns, held_out, asked)
    good = [testable_labels(h.columns, h.matrix, asked.games) for h in halves]
    games, strata = halves[0].columns.games, halves[0].columns.strata
    numbers = [c * np.int8(1) for c in halves[0].columns.columns]
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
        numbers=label_matrix(numbers, strata),
        nested=nested_labels(columns),
        kin=codes(kinds or [kind_of(name) for name in labels.names]),
        exchanges=exchanges,
    )


def score_measure(
    tables: list[NDArray[Any]],
    compared: Compared,
    *,
    scored: int = 1,
    trained: int = 1,
) -> list[MeasureScore]:
    """Score one measure of networks, each held against the others.

    The first ones, of the `trained` network, none is held against.
    """
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
        sizes.append(compared.sizes(np.concatenate(both)))
        if place < scored:
            ranks.append(finding)
            found.append([np.where(good, each, np.nan) for each in both])
            correlation.append(effects(finding, compared.numbers))
    nulls = null_moments(
        ranks, halves[0].matrix.take(good), halves[0].columns.games, compared.exchanges
    )
    return [
        MeasureScore(
            table=tables[i],
            compared=compared,
            effect=found[i][0],
            held_out=found[i][1],
            p=_p(found[i][0], null, good),
            correlation=correlation[i],
            random=np.where(good, _others(sizes, i, trained), np.nan),
        )
        for i, null in enumerate(nulls)
    ]


def _half(columns: Columns, chosen: NDArray[np.bool_], asked: LabelCriteria) -> Half:
    positions = np.flatnonzero(chosen)
    part = columns.take(positions)
    matrix = label_matrix(part.columns, part.strata, prevalence=asked.prevalence)
    return Half(positions, part, matrix)


def _others(sizes: list[Floats], scored: int, trained: int) -> Floats:
    """Return the largest sizes in the random networks but the one that is scored."""
    others = [size for i, size in enumerate(sizes) if i >= trained and i != scored]
    return np.asarray(np.max([np.zeros_like(sizes[0]), *others], axis=0))


def _p(effect: Floats, null: Null, good: NDArray[np.bool_]) -> Floats:
    p = np.full(effect.shape, np.nan)
    tested = effect[:, good]
    p[:, good] = permutation_p(tested, null.mean, null.deviation, null.freedom)
    return p


def name_channels(
    scored: Mapping[str, MeasureScore], q: Mapping[str, Floats], asked: LabelCriteria
) -> tuple[ChannelLabels, ...]:
    """Give every channel the labels that fulfil the criteria, and a name."""
    namings = {
        measure: _Naming(measure, score, q[measure], asked)
        for measure, score in scored.items()
    }
    channels = range(len(next(iter(q.values()))))
    return tuple(_named(channel, namings) for channel in channels)


def _named(channel: int, namings: Mapping[str, "_Naming"]) -> ChannelLabels:
    found = [label for naming in namings.values() for label in naming.labels(channel)]
    if not found:
        return ChannelLabels(channel)
    # The largest effect first; of equal ones that which random networks show least.
    found.sort(key=lambda label: (-abs(label.effect), label.random))
    naming = namings[found[0].measure]
    best = naming.best(found)
    rivals = naming.rivals(channel, best)
    others = (label for label in found if label is not best)
    return ChannelLabels(channel, (best, *others), int(not rivals), rivals)


@dataclass(frozen=True, eq=False)
class _Naming:
    """Labels of channels by one measure."""

    measure: str
    score: MeasureScore
    q: Floats
    asked: LabelCriteria

    @property
    def names(self) -> tuple[str, ...]:
        return self.score.compared.labels.names

    @cached_property
    def promising(self) -> NDArray[np.bool_]:
        """Which pairs fulfil all but the bound on the interval, (C, K)."""
        score, asked = self.score, self.asked
        needed = np.fmax(asked.effect, score.random + asked.over_random)
        # A channel must be on the same side of its label in both halves.
        confirmed = np.sign(score.effect) * score.held_out
        found: NDArray[np.bool_] = (
            (self.q <= asked.false_discoveries)
            & (np.abs(score.effect) >= needed)
            & (confirmed >= needed)
        )
        return found

    def labels(self, channel: int) -> list[NamedLabel]:
        """Return labels whose interval too lies above the random networks."""
        chosen = np.flatnonzero(self.promising[channel])
        if not chosen.size:
            return []
        half, asked = self.score.confirming, self.asked
        games = len(np.unique(half.columns.games))
        low, high = effect_intervals(
            flat_table(self._held_out(channel))[:, 0],
            [half.columns.columns[k] for k in chosen],
            half.columns.strata,
            half.columns.games,
            confidence=asked.confidence,
            prevalence=asked.prevalence,
        )
        # The end that is nearer to no effect.
        least = np.where(self.score.effect[channel, chosen] > 0, low, -high)
        kept = least >= self.score.random[chosen] + asked.over_random
        kept &= games >= LEAST_GAMES
        # Last, as what is the same in every draw is no less sure for that.
        low, high = known_interval((low, high), 1, games)
        return [
            self._label(channel, int(k), float(a), float(b))
            for k, a, b in zip(chosen[kept], low[kept], high[kept], strict=True)
        ]

    def best(self, found: list[NamedLabel]) -> NamedLabel:
        """Return, of the first label and those nested with it, the closest one.

        A number tells all its thresholds perfectly, so the label that is meant is the
        one whose ranks the channel follows.
        """
        names = self.names
        nested = self.score.compared.nested[names.index(found[0].label)]
        family = [
            label
            for label in found
            if label.measure == self.measure and nested[names.index(label.label)]
        ]
        return max([found[0], *family], key=lambda label: abs(label.correlation))

    def rivals(self, channel: int, best: NamedLabel) -> tuple[str, ...]:
        """Return labels that the best one does not lead, or is only the extreme of.

        A channel that follows mobility a little tells forced moves well, since they
        are its extreme; a number nested with a flag is therefore a rival if the
        channel's ranks follow it more closely. What networks with random weights
        show too, such as relevance that is 0 on empty squares, is no rival.
        """
        names, score, lead = self.names, self.score, self.asked.lead
        k = names.index(best.label)
        numeric, nested = score.confirming.matrix.numeric, score.compared.nested[k]
        closeness = np.abs(score.correlation[channel])
        # The AUROC of a flag says nothing against the correlation of a number.
        sizes = closeness if numeric[k] else np.abs(score.effect[channel])
        near = ~nested & (sizes > sizes[k] - lead)
        if not numeric[k]:
            near |= nested & numeric & (closeness > closeness[k] + lead)
        near &= self.q[channel] <= self.asked.false_discoveries
        near &= np.abs(score.effect[channel]) > score.random
        return tuple(names[j] for j in np.flatnonzero(near) if j != k)

    def _label(self, channel: int, k: int, low: float, high: float) -> NamedLabel:
        score, held_out = self.score, float(self.score.held_out[channel, k])
        return NamedLabel(
            label=self.names[k],
            measure=self.measure,
            effect=float(score.effect[channel, k]),
            held_out=held_out,
            correlation=float(score.correlation[channel, k]),
            auroc=None if score.confirming.matrix.numeric[k] else (held_out + 1) / 2,
            low=low,
            high=high,
            p=float(score.p[channel, k]),
            q=float(self.q[channel, k]),
            random=float(score.random[k]),
            **self._on_squares(channel, self.names[k]),
        )

    def _on_squares(self, channel: int, name: str) -> dict[str, Any]:
        """Compare a channel's maps with a set of squares, on positions held out."""
        if self.score.table.ndim == 2:
            return {}
        maps, rows = self._held_out(channel), self.score.confirming.positions
        masks = self.score.compared.labels.masks[name][rows, None]
        return {
            "share": float(relevance_share(maps, masks)[0, 0]),
            "iou": float(relevance_iou(maps, masks)[0, 0]),
            "within_board": float(within_board_auroc(maps, masks)[0, 0]),
        }

    def _held_out(self, channel: int) -> NDArray[Any]:
        rows = self.score.confirming.positions
        return self.score.table[rows, channel : channel + 1]
