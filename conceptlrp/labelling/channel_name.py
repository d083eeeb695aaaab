"""The name of a channel: its label, and whether the channel is low where it holds.

Every view names channels by this: pages, tables, figures, files and the terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conceptlrp.labelling.channel_labels import UNNAMED, ChannelLabels

if TYPE_CHECKING:
    from conceptlrp.labelling.result import ScoredLabels

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
    def is_low(self) -> bool:
        """Whether the channel is lower where its label holds or is high."""
        return self.sign < 0

    @property
    def text(self) -> str:
        """The name in words: "mobility", "low on mobility" or "unnamed"."""
        if not self.label:
            return UNNAMED
        return f"low on {self.label}" if self.is_low else self.label

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
