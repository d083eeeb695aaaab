"""What scoring says: the labels, the name and the causal check of every channel.

Effects run from -1 to 1: ``2 AUROC - 1`` for labels that hold or not, the correlation
of ranks for numbers. Shapes use C channels and K labels. Reading a saved result imports
neither torch nor pandas, so that reports start at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import nan
from typing import Annotated, Any, Final, TypeAlias

import numpy as np

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain, plain
from conceptlrp.labelling.channel_name import (
    STRONGEST,
    ChannelName,
    OwnLabel,
    described,
)
from conceptlrp.labelling.rule import Rule
from conceptlrp.late import pd
from conceptlrp.statistics.intervals import LEAST_GAMES, SAME_DRAWS, between, effect
from conceptlrp.statistics.ranks import Floats
from conceptlrp.store.results.codec import Shape

#: The effect of detectors that the power is of, and how many should be found.
PLANTED: Final = 0.8
_POWERFUL: Final = 0.8
# Of fewer games with a label, intervals near a perfect effect are too narrow.
_GAMES: Final = 20
#: What is said of labels that too few games have, where none can be tested.
UNTESTED: Final = f"not tested, since every label holds in fewer than {_GAMES} games"


@dataclass(frozen=True)
class NamedLabel:
    """A label that a channel was found to follow.

    Attributes
    ----------
    label, measure : str
        Name of the label, and of what of the channel shows it.
    effect, held_out : float
        Effect on the positions it was found on, and on those held out; negative for
        a channel that is lower where the label holds.
    correlation : float
        Of ranks within strata on the positions held out, a label that holds or not
        being 1 or 0: the one scale of all measures.
    auroc : float or None
        The held-out effect of a label that holds or not, as an AUROC; none by the
        largest relevance, whose effect is by how much more of these boards have it.
    low, high : float
        Interval of the held-out effect; nan where it is the same whatever the games,
        as that of a channel that copies a number.
    p, q : float
        Of the permutation null, and corrected for all pairs.
    random : float
        The effect that one in 200 channels of the random networks exceeds.
    share, iou, within_board : float or None
        For maps: part of the relevance on the squares of the label, overlap of the
        squares read with them, AUROC within boards.
    """

    label: str
    measure: str
    effect: float
    held_out: float
    correlation: float
    auroc: float | None
    low: float
    high: float
    p: float
    q: float
    random: float
    share: float | None = None
    iou: float | None = None
    within_board: float | None = None

    @property
    def strength(self) -> float:
        """Size of the correlation, by which labels of all measures compete."""
        return abs(self.correlation)

    @property
    def sign(self) -> int:
        """Return -1 for a channel that is lower where there is more of the label."""
        return -1 if self.effect < 0 else 1

    @property
    def is_excess(self) -> bool:
        """Whether the effect is by how much more of the strongest boards have it."""
        return self.measure == STRONGEST

    @property
    def kind(self) -> str:
        """What the held-out effect is, in words."""
        if self.is_excess:
            return "excess over other boards"
        return "rank correlation" if self.auroc is None else "AUROC"

    @property
    def text(self) -> str:
        """What the label says of the channel: "active when the mover has corners"."""
        return described(self.label, self.sign, self.measure, self.counted)

    @property
    def counted(self) -> tuple[str, ...]:
        """The label, if it is a number, as of a set that hardly any board lacks."""
        return (self.label,) if self.auroc is None and not self.is_excess else ()

    def interval(self, write: Callable[[float, int], str], digits: int = 2) -> str:
        """Write the interval of the held-out effect."""
        ends = self.low, self.high
        return between(*ends, write, digits, games=LEAST_GAMES, same=SAME_DRAWS)


@dataclass(frozen=True)
class ChannelLabels:
    """The labels of one channel.

    Attributes
    ----------
    channel : int
        The channel.
    labels : tuple of NamedLabel
        All that fulfil the criteria, the largest strength first.
    named : int
        How many of the first are its name: one that leads, two that tie, or 0.
    rivals : tuple of str
        Labels about as strong as the best one, where they are too many for a name.
    note : str
        Why the channel has no name whatever its labels, "" where that is open.
    """

    channel: int
    labels: tuple[NamedLabel, ...] = ()
    named: int = 0
    rivals: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_named(self) -> bool:
        """Whether it has a name."""
        return self.named > 0


#: Names of the channels that have one, by layer and channel.
Names = Mapping[tuple[str, int], str]


def channel_name(found: ChannelLabels | None) -> ChannelName:
    """Name a channel by what labelling found; unnamed where nothing was tried."""
    if found is None or not found.is_named:
        return ChannelName()
    first = found.labels[0]
    name = ChannelName(first.label, first.sign, first.measure, counted=first.counted)
    for second in found.labels[1 : found.named]:
        name = replace(
            name,
            second=second.label,
            second_sign=second.sign,
            second_measure=second.measure,
            counted=(*first.counted, *second.counted),
        )
    return name


def check_channel(
    sizes: Mapping[str, int], layer: str, channel: int, lacks: str
) -> None:
    """Refuse an unknown layer, and a channel that is beyond the size of its own."""
    if layer not in sizes:
        msg = f"layer '{layer}' {lacks}, expected one of {', '.join(sizes)}"
        raise ValueError(msg)
    if not 0 <= channel < sizes[layer]:
        msg = f"layer '{layer}' has channels 0 to {sizes[layer] - 1}, not {channel}"
        raise ValueError(msg)


#: Numbers of C channels and K labels; a store keeps them as float32.
Pairs: TypeAlias = Annotated[Floats, Shape("C K", np.float32)]

_ROWS: Final = 40
#: An effect that is enough for a flag few rows have, which cannot correlate much.
TELLS: Final = 0.8


@dataclass(frozen=True)
class LabelCriteria:
    """What a label must fulfil to be given to a channel.

    Attributes
    ----------
    false_discoveries : float
        Bound on the false discovery rate over all channels, labels and measures.
    effect : float
        Least strength, a correlation of ranks; a flag that is told with an AUROC of
        0.9 needs none, since a rare one cannot have much.
    over_random : float
        By how much the effect must exceed that of the random networks.
    lead : float
        By which part of its strength the best label must exceed others that it is not
        nested with: noise makes the strength of all labels smaller by one factor.
    permutations : int
        Of the null distribution.
    confidence : float
        Of the intervals.
    held_out : float
        Part of the games that the labels are confirmed on.
    prevalence : float
        Least part of a stratum that must have the label, and lack it.
    games : int
        Least number of games in which the label is not as usual, in either half: of
        fewer, intervals are too narrow. Of fewer than ten games in all no interval is
        told, and no label given.
    seed : int
        Of the split and the permutations.
    """

    false_discoveries: float = 0.05
    effect: float = 0.3
    over_random: float = 0.1
    lead: float = 0.1
    permutations: int = 200
    confidence: float = 0.95
    held_out: float = 0.5
    prevalence: float = 0.01
    games: int = _GAMES
    seed: int = 0


@dataclass(frozen=True, eq=False)
class LabelScores(Plain):
    """Scores of every channel against every label.

    Attributes
    ----------
    labels : tuple of str
        Names of the K labels.
    effect, held_out, p, q : dict of str to ndarray of shape (C, K)
        By measure: effects on the positions that labels were found on and on those
        held out, p-values, and p-values corrected for all pairs. NaN for what cannot
        be tested.
    random : dict of str to ndarray of shape (K,)
        By measure, the size of effects that one in 200 channels of random
        networks exceeds, and as few any of them by more than `over_random`.
    channels : tuple of ChannelLabels
        What each of the C channels was found to be.
    criteria : LabelCriteria
        What was asked for.
    rules : tuple of (Rule or None)
        The rule in squares of each channel, see `Rule`; empty where none was sought.
    correlation : dict of str to ndarray of shape (C, K)
        By measure, what labels compete by: rank correlations where they are held out.
    """

    labels: Annotated[tuple[str, ...], Shape("K")]
    effect: Mapping[str, Pairs]
    held_out: Mapping[str, Pairs]
    p: Mapping[str, Pairs]
    q: Mapping[str, Pairs]
    random: Mapping[str, Annotated[Floats, Shape("K", np.float32)]]
    channels: Annotated[tuple[ChannelLabels, ...], Shape("C")]
    criteria: LabelCriteria
    rules: tuple[Rule | None, ...] = ()
    correlation: Mapping[str, Pairs] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of what of the channels was scored."""
        return tuple(self.effect)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every channel."""
        return tuple(channel_name(each).text for each in self.channels)

    @property
    def named(self) -> float:
        """Which part of the channels has a name."""
        return sum(c.is_named for c in self.channels) / max(len(self.channels), 1)

    @property
    def tested(self) -> bool:
        """Whether any label could be tested: of too few games none can."""
        return any(bool(np.isfinite(each).any()) for each in self.p.values())

    @property
    def counted(self) -> str:
        """Which parts of the channels have a name and a label, in words."""
        if not self.tested:
            return UNTESTED
        return f"{self.named:.0%} named, {self.labelled:.0%} labelled"

    @property
    def labelled(self) -> float:
        """Which part of the channels has a label, named or not."""
        return sum(bool(c.labels) for c in self.channels) / max(len(self.channels), 1)

    def _repr_html_(self) -> str:
        rows = [
            (
                each.channel,
                channel_name(each).text,
                best.label,
                best.measure,
                f"{effect(best.held_out)} {best.interval(effect)}",
            )
            for each in self.channels
            for best in each.labels[:1]
        ]
        columns = ("channel", "name", "best label", "measure", "held-out effect")
        title = (
            f"{len(self.channels)} channels, {len(self.labels)} labels: {self.counted}"
        )
        rest = len(rows) - _ROWS
        note = f"{rest} more in frame()" if rest > 0 else ""
        return html_table(title, columns, rows[:_ROWS], note=note)

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a channel and label that it was found to have."""
        rows = [
            {"channel": each.channel, "name": channel_name(each).text, **asdict(label)}
            for each in self.channels
            for label in each.labels
        ]
        columns = ["channel", "name", *NamedLabel.__dataclass_fields__]
        # What no label has is unknown, and still a number, as in other layers.
        numbers = dict.fromkeys(("auroc", "share", "iou", "within_board"), float)
        return pd.DataFrame(rows, columns=columns).astype(numbers)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON: arrays as lists, NaN as None."""
        return super().to_dict() | {"channels": self._channel_dicts()}

    def _channel_dicts(self) -> list[dict[str, Any]]:
        return [plain(c) | {"name": channel_name(c).text} for c in self.channels]

    def __repr__(self) -> str:
        return (
            f"<scores of {len(self.channels)} channels against {len(self.labels)} "
            f"labels: {self.counted}>"
        )


@dataclass(frozen=True, eq=False)
class ScoredLabels:
    """Labels of every channel of a store.

    Attributes
    ----------
    target : str
        The explained output that relevance is of.
    positions, maps : int
        Positions that were scored, and those of them with conditional maps.
    random_networks, seed : int
        Networks with random weights that the channels were held against, and the seed
        of all that is random.
    layers : dict of str to LabelScores
        By layer.
    random_labelled : dict of str to float
        By layer, which part of the channels of a network with random weights gets a
        label by the same rules, held against the others: the false ones among those
        of the trained network. NaN with fewer than two such networks, and where no
        label could be tested.
    controls : tuple of str
        Which labels are controls that no channel should have.
    exchanged_labelled : dict of str to float
        By layer, which part of the channels gets a label by the same rules after the
        network's own numbers and maps were exchanged between positions of the same
        ply: what the game's progress alone would label. It should be 0.
    power : float
        Which part of planted detectors, one for each label with an effect of 0.8,
        would get their label by the same rules.
    random_own : dict of str to tuple of tuple of OwnLabel
        By layer, for each of the random networks: what its channels follow best.
    """

    target: str
    positions: int
    maps: int
    random_networks: int
    seed: int
    layers: Mapping[str, LabelScores]
    random_labelled: Mapping[str, float]
    controls: tuple[str, ...]
    exchanged_labelled: Mapping[str, float] = field(default_factory=dict)
    power: float = nan
    random_own: Mapping[str, tuple[tuple[OwnLabel, ...], ...]] = field(
        default_factory=dict
    )

    @property
    def power_note(self) -> str:
        """Say that too few games were explained to find labels, "" otherwise."""
        if not self.power < _POWERFUL:
            return ""
        return (
            f"Labels have little power: of detectors with an effect of {PLANTED}, one "
            f"for each label, only {self.power:.0%} would get it; explain more games."
        )

    def channel(self, layer: str, channel: int) -> ChannelLabels:
        """Return the labels of a channel, which is unnamed where none is good enough.

        A layer that was not scored, or that has no such channel, raises `ValueError`.
        """
        sizes = {name: len(each.channels) for name, each in self.layers.items()}
        check_channel(sizes, layer, channel, "has no labels")
        return self.layers[layer].channels[channel]

    @property
    def told(self) -> dict[str, Rule]:
        """The rules that name channels, by their sentence."""
        return {
            rule.sentence: rule
            for scores in self.layers.values()
            for channel, rule in zip(scores.channels, scores.rules, strict=False)
            if rule and any(n.label == rule.sentence for n in channel.labels[:1])
        }

    @property
    def move_note(self) -> str:
        """Say that no label is of the explained move; "" where some are."""
        names = (name for each in self.layers.values() for name in each.labels)
        if any(name.startswith("move ") for name in names):
            return ""
        return f"'{self.target}' explains no move, so that no label is of one."

    def controlled(self, layer: str) -> float:
        """Return which part of a layer's channels was given a control as a label."""
        channels = self.layers[layer].channels
        given = [any(n.label in self.controls for n in c.labels) for c in channels]
        return sum(given) / max(len(given), 1)

    def frame(self) -> "pd.DataFrame":
        """Return the tables of `LabelScores.frame` as one, with the layer before."""
        parts = {layer: scores.frame() for layer, scores in self.layers.items()}
        for layer, part in parts.items():
            part.insert(0, "layer", layer)
        return pd.concat(parts.values(), ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return labels of all channels, ready for JSON.

        Scores of labels that no channel was given are left out.
        """
        about = ("target", "positions", "maps", "random_networks", "seed", "controls")
        said = {n: getattr(self, n) for n in (*about, "power", "power_note")}
        layers = {layer: self._layer_dict(layer) for layer in self.layers}
        return dict(plain(said | {"layers": layers}))

    def __repr__(self) -> str:
        layers = ", ".join(f"{n}: {s.counted}" for n, s in self.layers.items())
        return f"ScoredLabels(target={self.target!r}, {layers})"

    def _repr_html_(self) -> str:
        counted = ("layer", "channels", "named", "labelled")
        columns = (*counted, "of random networks", "exchanged within plies")
        rows = [
            (
                layer,
                len(scores.channels),
                *(
                    (
                        f"{scores.named:.0%}",
                        f"{scores.labelled:.0%}",
                        f"{self.random_labelled[layer]:.1%} labelled",
                        f"{self.exchanged_labelled.get(layer, nan):.1%} labelled",
                    )
                    if scores.tested
                    else (UNTESTED, "–", "–", "–")
                ),
            )
            for layer, scores in self.layers.items()
        ]
        title = f"Labels of channels, by relevance for '{self.target}'"
        note = f"{self.positions} positions; frame() lists the labels. {self.move_note}"
        return html_table(title, columns, rows, note=note)

    def _layer_dict(self, layer: str) -> dict[str, Any]:
        scores = self.layers[layer]
        return {
            "criteria": scores.criteria,
            "labels": scores.labels,
            "tested": scores.tested,
            "labelled": scores.labelled if scores.tested else None,
            "named": scores.named if scores.tested else None,
            "random_labelled": self.random_labelled[layer],
            "exchanged_labelled": self.exchanged_labelled.get(layer, nan),
            "channels": scores._channel_dicts(),
        }
