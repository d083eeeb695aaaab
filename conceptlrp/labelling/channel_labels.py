"""What is known of one channel: its labels, its name and its causal check.

Effects run from -1 to 1: ``2 AUROC - 1`` for labels that hold or not, the correlation
of ranks for numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from conceptlrp.labelling.result import ScoredLabels

#: The name of a channel that no label explains.
UNNAMED: Final = "unnamed"
#: Measures of maps: the size of conditional relevance, which says where a channel
#: looks, and the feature map itself, which says where it fires.
MAP: Final = "conditional map"
FEATURE_MAP: Final = "feature map"


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
        Of ranks, where the label was found; among nested labels the one with the
        largest is the channel's name.
    auroc : float or None
        The held-out effect of a label that holds or not, as an AUROC.
    low, high : float
        Bootstrap interval of the held-out effect.
    p, q : float
        Of the permutation null, and corrected for all pairs.
    random : float
        The largest effect of the label in the random networks.
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


@dataclass(frozen=True)
class ChannelLabels:
    """The labels of one channel.

    Attributes
    ----------
    channel : int
        The channel.
    name : str
        Its best label, or "unnamed".
    labels : tuple of NamedLabel
        All that fulfil the criteria, best first; with rivals they are no name.
    rivals : tuple of str
        Labels that fit about as well as the best one, or numbers whose extreme it
        is: where there are any, the channel has no name.
    """

    channel: int
    name: str
    labels: tuple[NamedLabel, ...]
    rivals: tuple[str, ...]


@dataclass(frozen=True)
class ChannelCause:
    """Whether a channel carries a label into the output, see `Interchange`.

    Attributes
    ----------
    label : str
        The label.
    r, low, high : float
        Correlation of the change of the output with the difference of the label when
        the channel's map comes from another position, and its 95 % interval; above 0
        where more of the label raises the output.
    exchanged, random : float
        The largest size of r with labels exchanged between positions of a ply, and of a
        channel of networks with random weights.
    equal : float
        Size of the change over pairs with equal labels, as part of that over others;
        nan where it is not known.
    games : int
        In how many games' pairs the label differs.
    passed : bool or None
        Whether it does; None where too few games tell.
    """

    label: str
    r: float
    low: float
    high: float
    exchanged: float
    random: float
    equal: float
    games: int
    passed: bool | None


#: Names of the channels that have one, by layer and channel.
Names = Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class ChannelName:
    """A label with the sign of its effect on the channel.

    Attributes
    ----------
    label : str
        The label; "" for a channel without a name.
    sign : int
        1 where the channel is higher with the label, -1 where it is lower, 0 without
        a name.
    """

    label: str = ""
    sign: int = 0

    def __str__(self) -> str:
        return self.text

    @property
    def is_named(self) -> bool:
        """Whether a label describes the channel."""
        return bool(self.label)

    @property
    def text(self) -> str:
        """The name in words: "mobility", "low on mobility" or "unnamed"."""
        if not self.label:
            return UNNAMED
        return f"low on {self.label}" if self.sign < 0 else self.label

    @property
    def title(self) -> str:
        """The name as a heading, its first letter a capital."""
        return f"{self.text[:1].upper()}{self.text[1:]}"


def channel_name(found: ChannelLabels | None) -> ChannelName:
    """Name a channel by what labelling found; unnamed where nothing was tried."""
    if found is None or found.name == UNNAMED:
        return ChannelName()
    held = (each for each in found.labels if each.label == found.name)
    effect = next((each.effect for each in held), 1.0)
    return ChannelName(found.name, -1 if effect < 0 else 1)


def channel_names(scored: "ScoredLabels | None") -> dict[tuple[str, int], str]:
    """Return the names of all channels that have one, by layer and channel."""
    if scored is None:
        return {}
    return {
        (layer, found.channel): channel_name(found).text
        for layer, scores in scored.layers.items()
        for found in scores.channels
        if found.name != UNNAMED
    }
