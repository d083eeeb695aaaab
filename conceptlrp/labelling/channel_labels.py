"""What is known of one channel: the labels it follows, and its causal check.

Effects run from -1 to 1: ``2 AUROC - 1`` for labels that hold or not, the correlation
of ranks for numbers.
"""

from dataclasses import dataclass
from typing import Any, Final

from conceptlrp import jsontext

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
class CausalCheck:
    """What ablating a channel does with a label and without.

    Attributes
    ----------
    with_label, without_label : float
        Mean size of the effect of ablation on positions of either kind.
    ratio : float
        The former divided by the latter; infinite if the latter is 0.
    low, high : float
        Bootstrap interval of the ratio.
    passed : bool
        Whether the ratio is as large as asked for and its interval above 1.
    """

    with_label: float
    without_label: float
    ratio: float
    low: float
    high: float
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON: what is not finite is None."""
        fields: dict[str, Any] = jsontext.plain(self)
        return fields


@dataclass(frozen=True)
class ChannelCause:
    """What ablating a channel does where its best label holds, and where not.

    Attributes
    ----------
    label : str
        The best label of the channel.
    check : CausalCheck
        Sizes of the change of the explained output with the label and without, on
        as many positions of every phase.
    """

    label: str
    check: CausalCheck
