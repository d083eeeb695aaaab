"""The competition of labels for the name of a channel, over all measures.

Labels that fulfil the criteria by any measure compete on one scale, their strength: the
size of their rank correlation with the channel on held-out games, within strata.

1. A channel that is the same on every board, or a copy of another, has no name.
2. A set of squares is no label where the content that it is part of (own discs, empty
   squares) explains the map better; nor is what comes of a stronger label that channels
   of random networks show too.
3. Of nested labels the strongest competes. It is the name if it leads all others; two
   that tie are both.

Shapes use N positions, C channels and K labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.channel_name import (
    ACTIVATION,
    FEATURE_MAP,
    FIRING_PLACE,
    PLACE,
    RELEVANCE,
    RULE,
    STRONGEST,
)
from conceptlrp.labelling.columns import (
    flat_table,
    relevance_iou,
    relevance_share,
    within_board_auroc,
)
from conceptlrp.labelling.measures import Compared, MeasureScore
from conceptlrp.labelling.result import TELLS, ChannelLabels, LabelCriteria, NamedLabel
from conceptlrp.labelling.rule import Rule
from conceptlrp.statistics.estimates import known_interval
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats
from conceptlrp.statistics.significance import effect_intervals

# What a channel may vary by and a copy differ by, as part of its size and its variance.
_SAME: Final = 1e-5
_COPY: Final = 1e-4
# A rule is one of thousands and takes a reader long: it must say more than a label.
_RULED: Final = 0.5
# By what part numbers of maps are rounded, which are kept in 16 bits.
_ROUNDING: Final = 1e-3
_BLOCK: Final = 1 << 14


def name_channels(
    scored: Mapping[str, MeasureScore],
    q: Mapping[str, Floats],
    asked: LabelCriteria,
    rules: Sequence[Rule | None] = (),
) -> tuple[ChannelLabels, ...]:
    """Give every channel the labels that fulfil the criteria, and a name."""
    tables = {measure: score.table for measure, score in scored.items()}
    constant, originals = constant_channels(tables), original_channels(tables)
    measured = [_Measured(m, score, q[m], asked) for m, score in scored.items()]
    named = []
    for channel, original in enumerate(originals):
        if constant[channel]:
            note = "it is the same at every position"
            named.append(ChannelLabels(channel, note=note))
            continue
        rule = rules[channel] if rules else None
        found = _decided(channel, measured, rule, asked)
        if original != channel:
            note = f"it is a copy of channel {original}"
            found = ChannelLabels(channel, found.labels, note=note)
        named.append(found)
    return tuple(named)


def constant_channels(tables: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Tell which channels (C,) are the same at every position."""
    known = []
    for table in _done(tables):
        rows = table.reshape(*table.shape[:2], -1)
        varies, size = np.ptp(rows, axis=0).max(axis=1), np.abs(rows).max(axis=(0, 2))
        known.append(varies <= size * (_ROUNDING if table.ndim > 2 else _SAME))
    return np.asarray(np.all(known, axis=0))


def original_channels(tables: Mapping[str, NDArray[Any]]) -> list[int]:
    """Tell for every channel (C,) which one it is a copy of, up to a factor.

    Of copies the one of the largest relevance is the original, a copy of itself.
    """
    copies = np.all([_copies(table) for table in _done(tables)], axis=0)
    sizes = np.abs(tables.get(RELEVANCE, next(iter(tables.values()))))
    size = sizes.reshape(*sizes.shape[:2], -1).mean(axis=(0, 2), dtype=np.float64)
    originals = np.arange(len(copies)).tolist()
    kept: list[int] = []
    # Copies have the same relevance but for rounding: of these the first is kept. One
    # that nothing reads has none, however little another has.
    rounded = np.array([-float(f"{each:.4g}") for each in size])
    for channel in np.lexsort((np.arange(len(size)), rounded)).tolist():
        found = [one for one in kept if copies[one, channel]]
        originals[channel] = found[0] if found else channel
        kept += [] if found else [channel]
    return originals


def _done(tables: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Return what channels do, as far as that is known."""
    known = [t for m, t in tables.items() if m in (ACTIVATION, FEATURE_MAP)]
    return known or list(tables.values())


def _copies(table: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which pairs (C, C) of channels are the same up to a positive factor."""
    rows = flat_table(table)
    products = np.zeros((rows.shape[1], rows.shape[1]))
    total = np.zeros(rows.shape[1])
    for first in range(0, len(rows), _BLOCK):
        block = rows[first : first + _BLOCK].astype(np.float64)
        products += block.T @ block
        total += block.sum(axis=0)
    squares = np.diag(products)
    rest = squares - products**2 / np.maximum(squares, 1e-300)[:, None]
    spread = _COPY * (squares - total**2 / max(len(rows), 1))
    rounded = squares * _ROUNDING**2 if table.ndim > 2 else 0
    return np.asarray((rest <= np.maximum(spread, rounded)) & (products > 0))


def _decided(
    channel: int,
    measured: Sequence["_Measured"],
    rule: Rule | None,
    asked: LabelCriteria,
) -> ChannelLabels:
    """Let the labels of a channel compete."""
    every = [each for one in measured for each in one.labels(channel)]
    found: dict[str, NamedLabel] = {}
    for label, _ in sorted(every, key=_order):
        found.setdefault(label.label, label)
    labels = tuple(found.values())
    best = labels[0] if labels else None
    if told := _told(rule, asked, best):
        return ChannelLabels(channel, (told, *labels), 1)
    if best is None:
        return ChannelLabels(channel)
    own = next(one for one in measured if one.measure == best.measure)
    near: dict[str, float] = {}
    for one in measured:
        family = own.nested(best.label) | one.nested(best.label)
        for name, strength in one.rivals(channel, best, family):
            near[name] = max(near.get(name, 0.0), strength)
    if not near:
        return ChannelLabels(channel, labels, 1)
    rivals = tuple(sorted(near, key=lambda name: (-round(near[name], 6), name)))
    second = next((each for each in labels if each.label in near), None)
    if second is not None and near[second.label] >= near[rivals[0]] * (1 - asked.lead):
        kin = {second.label}.union(*(one.nested(second.label) for one in measured))
        if kin.issuperset(rivals):
            rest = (x for x in labels if x not in (best, second))
            return ChannelLabels(channel, (best, second, *rest), 2)
    return ChannelLabels(channel, labels, 0, rivals)


def _order(found: tuple[NamedLabel, float]) -> tuple[float, float, str, str]:
    """Sort by strength, and what is equal but for rounding by anything but chance.

    Among own discs to be high on the frontier is to be low on the interior: the label
    is meant that says the same whatever the contents of squares.
    """
    label, mixed = found
    return -round(label.strength, 5), -round(mixed, 5), label.label, label.measure


def _told(
    rule: Rule | None, asked: LabelCriteria, best: NamedLabel | None
) -> NamedLabel | None:
    """Return a rule as a label if it says more than all labels and random networks."""
    if rule is None or not rule.stands_out(asked.over_random):
        return None
    led = 0.0 if best is None else best.strength * (1 + asked.lead)
    if not abs(rule.correlation) >= max(led, _RULED):
        return None
    nan, effect = float("nan"), rule.correlation
    return NamedLabel(
        label=rule.sentence,
        measure=RULE,
        effect=effect,
        held_out=effect,
        correlation=effect,
        auroc=None,
        low=rule.correlation_low,
        high=rule.correlation_high,
        p=nan,
        q=nan,
        random=rule.random_correlation,
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """Labels of channels by one measure."""

    measure: str
    score: MeasureScore
    q: Floats
    asked: LabelCriteria

    @property
    def names(self) -> tuple[str, ...]:
        return self.compared.labels.names

    @property
    def compared(self) -> Compared:
        """The labels, and how they are compared with the measure."""
        return self.score.compared

    @cached_property
    def correlation(self) -> Floats:
        """The correlations (C, K) that labels compete by, 0 where there is none.

        Of a place it is not more than over all contents: a channel of own corners is
        one of corners among own discs alone.
        """
        found, mixed = self.score.correlation, self.score.mixed
        if self.measure in (PLACE, FIRING_PLACE) and mixed is not None:
            sign = np.sign(self.score.effect)
            found = sign * np.maximum(np.minimum(sign * found, sign * mixed), 0)
        return np.nan_to_num(found)

    @cached_property
    def strength(self) -> Floats:
        """Sizes of these."""
        return np.abs(self.correlation)

    @cached_property
    def at_random(self) -> NDArray[np.bool_]:
        """Which pairs (C, K) networks with random weights show as well."""
        found = self.score.random + self.asked.over_random
        return np.asarray(np.nan_to_num(np.abs(self.score.effect)) < found)

    @cached_property
    def significant(self) -> NDArray[np.bool_]:
        """Which pairs (C, K) are no chance, nor what random networks show more of."""
        found = self.q <= self.asked.false_discoveries
        return np.asarray(found & (np.abs(self.score.effect) > self.score.random))

    @cached_property
    def promising(self) -> NDArray[np.bool_]:
        """Which pairs (C, K) fulfil all but the bound on the interval."""
        score, asked = self.score, self.asked
        # A channel must be on the same side of its label in both halves.
        confirmed = np.sign(score.effect) * score.held_out
        # Half of the strongest boards, beyond what others have, must show a move.
        least = asked.effect if score.turning is None else max(asked.effect, 0.5)
        found = (self.strength >= least) | (confirmed >= TELLS)
        found &= (self.q <= asked.false_discoveries) & ~self.at_random
        found &= confirmed >= score.random + asked.over_random
        return np.asarray(found & ~self.borrowed)

    @cached_property
    def borrowed(self) -> NDArray[np.bool_]:
        """Which pairs (C, K) come of something that says more of the channel."""
        found = self._of_content()
        for channel, kept in enumerate(self.at_random & (self.strength > 0)):
            found[channel] |= self._of(channel, kept)
        return found

    def _of_content(self) -> NDArray[np.bool_]:
        """Tell which sets say less than a content of squares that they are part of."""
        mixed, found = self.score.mixed, np.zeros(self.q.shape, np.bool_)
        if mixed is None or self.compared.mixed is None:
            return found
        # Contents are what does not vary among squares of one content.
        sizes = self.compared.mixed.bottom > 0
        for c in np.flatnonzero(sizes & (self.compared.numbers.bottom == 0)):
            parts = self.compared.nested[c]
            sign = np.sign(self.score.effect[:, parts])
            found[:, parts] |= sign * mixed[:, [c]] > sign * mixed[:, parts]
        return found

    def _of(self, channel: int, shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which labels (K,) lose half of what they say within stronger ones.

        That is by their partial correlation; `shown` are those that random networks
        show too.
        """
        r = self.correlation[channel]
        alike = self.compared.alike[shown]
        rest = np.sqrt(np.maximum(1 - np.square(r[shown]), _COPY))[:, None]
        rest = rest * np.sqrt(np.maximum(1 - np.square(alike), _COPY))
        partial = (r - r[shown][:, None] * alike) / rest
        lost = np.sign(r) * partial < np.abs(r) / 2
        return np.asarray((lost & (np.abs(r[shown])[:, None] > np.abs(r))).any(axis=0))

    def labels(self, channel: int) -> list[tuple[NamedLabel, float]]:
        """Return labels whose interval too lies above the random networks.

        Beside each is how the channel follows it whatever the contents of squares.
        """
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
        if self.score.turning is not None:
            turning = self.score.turning[channel, chosen]
            low, high = np.clip([low * turning, high * turning], -1, 1)
        # The end that is nearer to no effect.
        least = np.where(self.score.effect[channel, chosen] > 0, low, -high)
        kept = least >= self.score.random[chosen] + asked.over_random
        kept &= games >= LEAST_GAMES
        # Last, as what is the same in every draw is no less sure for that.
        low, high = known_interval((low, high), 1, games)
        every = self.correlation if self.score.mixed is None else self.score.mixed
        sign = np.sign(self.score.effect[channel])
        return [
            (
                self._label(channel, int(k), float(a), float(b)),
                sign[k] * every[channel, k],
            )
            for k, a, b in zip(chosen[kept], low[kept], high[kept], strict=True)
        ]

    def nested(self, label: str) -> set[str]:
        """Return the labels that are nested with one, where the measure knows it."""
        if label not in self.names:
            return set()
        nested = self.compared.nested[self.names.index(label)]
        return {self.names[k] for k in np.flatnonzero(nested)}

    def rivals(
        self, channel: int, best: NamedLabel, family: set[str]
    ) -> list[tuple[str, float]]:
        """Return labels that the best one does not lead, with their strength."""
        strength, lead = self.strength[channel], self.asked.lead
        # A flag may be but the extreme of a number, which is nested with it.
        nested = np.array([name in family for name in self.names], np.bool_)
        least = best.strength * (1 + np.where(nested, lead, -lead))
        near = strength > least
        near &= self.significant[channel] & ~self.borrowed[channel]
        near &= ~self.at_random[channel]
        found = ((self.names[k], float(strength[k])) for k in np.flatnonzero(near))
        return [each for each in found if each[0] != best.label]

    def _label(self, channel: int, k: int, low: float, high: float) -> NamedLabel:
        score, held_out = self.score, float(self.score.held_out[channel, k])
        return NamedLabel(
            label=self.names[k],
            measure=self.measure,
            effect=float(score.effect[channel, k]),
            held_out=held_out,
            correlation=float(self.correlation[channel, k]),
            auroc=None if self._is_no_auroc(k) else (held_out + 1) / 2,
            low=low,
            high=high,
            p=float(score.p[channel, k]),
            q=float(self.q[channel, k]),
            random=float(score.random[k]),
            **self._on_squares(channel, self.names[k]),
        )

    def _is_no_auroc(self, k: int) -> bool:
        numeric = bool(self.score.confirming.matrix.numeric[k])
        return numeric or self.measure == STRONGEST

    def _on_squares(self, channel: int, name: str) -> dict[str, Any]:
        """Compare a channel's maps with a set of squares, on positions held out."""
        if self.score.table.ndim == 2:
            return {}
        maps, rows = self._held_out(channel), self.score.confirming.positions
        masks = self.compared.labels.masks[name][rows, None]
        return {
            "share": float(relevance_share(maps, masks)[0, 0]),
            "iou": float(relevance_iou(maps, masks)[0, 0]),
            "within_board": float(within_board_auroc(maps, masks)[0, 0]),
        }

    def _held_out(self, channel: int) -> NDArray[Any]:
        rows = self.score.confirming.positions
        return self.score.table[rows, channel : channel + 1]
