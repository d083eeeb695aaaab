"""What scoring says: the labels of each channel, or that it has none.

Shapes use C channels and K labels. Effects run from -1 to 1: ``2 AUROC - 1`` for
labels that hold or not, the correlation of ranks for numbers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from conceptlrp.drawing.notebook import html_table
from conceptlrp.statistics.ranks import Floats

if TYPE_CHECKING:
    import pandas as pd

#: The name of a channel that no label explains.
UNNAMED: Final = "unnamed"

_ROWS: Final = 40


@dataclass(frozen=True)
class LabelCriteria:
    """What a label must fulfil to be given to a channel.

    Attributes
    ----------
    false_discoveries : float
        Bound on the false discovery rate over all channels, labels and measures.
    effect : float
        Least size of the effect: 0.5 is an AUROC of 0.75.
    over_random : float
        By how much the effect must exceed the largest of the random networks.
    lead : float
        By how much the best label must exceed others that it is not nested with.
    permutations, replicates : int
        Of the null distribution and of the bootstrap.
    confidence : float
        Of the intervals.
    held_out : float
        Part of the games that the labels are confirmed on.
    prevalence : float
        Least part of a stratum that must have the label, and lack it.
    games : int
        Least number of games that must have the label somewhere, in either half.
    seed : int
        Of the split, the permutations and the bootstrap.
    """

    false_discoveries: float = 0.05
    effect: float = 0.5
    over_random: float = 0.1
    lead: float = 0.06
    permutations: int = 200
    replicates: int = 500
    confidence: float = 0.95
    held_out: float = 0.5
    prevalence: float = 0.01
    games: int = 10
    seed: int = 0


@dataclass(frozen=True)
class NamedLabel:
    """A label that a channel was found to have.

    Attributes
    ----------
    label, measure : str
        Name of the label, and of what of the channel shows it.
    effect, held_out : float
        Effect on the positions it was found on, and on those held out; negative for
        a channel that is lower where the label holds.
    correlation : float
        Of ranks, where the label was found; of nested labels the channel's name is
        the one with the largest.
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
        All that fulfil the criteria, best first. A channel with several that do not
        lead one another has labels, but no name.
    rivals : tuple of str
        Labels that come too near to the best one for it to be the name, or that it
        is but the extreme of.
    """

    channel: int
    name: str
    labels: tuple[NamedLabel, ...]
    rivals: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LabelScores:
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
        By measure, the largest size of an effect in the random networks.
    channels : tuple of ChannelLabels
        What each of the C channels was found to be.
    criteria : LabelCriteria
        What was asked for.
    """

    labels: tuple[str, ...]
    effect: Mapping[str, Floats]
    held_out: Mapping[str, Floats]
    p: Mapping[str, Floats]
    q: Mapping[str, Floats]
    random: Mapping[str, Floats]
    channels: tuple[ChannelLabels, ...]
    criteria: LabelCriteria

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of what of the channels was scored."""
        return tuple(self.effect)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every channel."""
        return tuple(each.name for each in self.channels)

    @property
    def named(self) -> float:
        """Which part of the channels has a name."""
        return sum(name != UNNAMED for name in self.names) / max(len(self.names), 1)

    @property
    def labelled(self) -> float:
        """Which part of the channels has a label, be it not a name."""
        return sum(bool(c.labels) for c in self.channels) / max(len(self.channels), 1)

    def _repr_html_(self) -> str:
        rows = [
            (
                each.channel,
                each.name,
                best.label,
                best.measure,
                f"{best.held_out:+.2f} [{best.low:+.2f}, {best.high:+.2f}]",
            )
            for each in self.channels
            for best in each.labels[:1]
        ]
        columns = ("channel", "name", "best label", "measure", "held-out effect")
        title = (
            f"{len(self.channels)} channels, {len(self.labels)} labels: "
            f"{self.named:.0%} named, {self.labelled:.0%} labelled"
        )
        rest = len(rows) - _ROWS
        note = f"{rest} more in frame()" if rest > 0 else ""
        return html_table(title, columns, rows[:_ROWS], note=note)

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a channel and label that it was found to have."""
        import pandas as pd

        rows = [
            {"channel": each.channel, "name": each.name, **asdict(label)}
            for each in self.channels
            for label in each.labels
        ]
        columns = ["channel", "name", *NamedLabel.__dataclass_fields__]
        return pd.DataFrame(rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON: arrays as lists, NaN as None."""
        arrays = ("effect", "held_out", "p", "q", "random")
        return {
            "labels": list(self.labels),
            "criteria": asdict(self.criteria),
            "channels": [_plain(asdict(channel)) for channel in self.channels],
            **{
                name: {m: _plain(a.tolist()) for m, a in getattr(self, name).items()}
                for name in arrays
            },
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
