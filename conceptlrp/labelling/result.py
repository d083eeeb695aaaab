"""What scoring says: the labels of every channel, layer by layer.

Shapes use C channels and K labels. Reading a saved result imports neither torch nor
pandas, so that reports start at once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import numpy as np

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain, plain
from conceptlrp.labelling.channel_labels import (
    UNNAMED,
    ChannelLabels,
    NamedLabel,
    channel_name,
)
from conceptlrp.statistics.ranks import Floats
from conceptlrp.store.results.codec import Shape

if TYPE_CHECKING:
    import pandas as pd

#: Numbers of C channels and K labels; a store keeps them as float32.
Pairs: TypeAlias = Annotated[Floats, Shape("C K", np.float32)]

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
class LabelOptions:
    """What scoring a store's channels takes besides positions and a seed.

    Attributes
    ----------
    n_maps : int
        Of the positions, how many are scored with maps too.
    n_random : int
        Networks of the same shape with random weights to hold channels against.
    n_recipients, n_donors : int
        For `Interchange`: how many positions get maps of others, and of how many each.
    columns : tuple of str
        Columns of the store to score as labels besides, such as labels of one's own.
    criteria : LabelCriteria
        What a label must fulfil; its seed gives way to that of the call. By default
        100 permutations tell the p-values of all pairs apart.
    """

    n_maps: int = 1_000
    n_random: int = 5
    n_recipients: int = 500
    n_donors: int = 2
    columns: tuple[str, ...] = ()
    criteria: LabelCriteria = field(
        default_factory=lambda: LabelCriteria(permutations=100)
    )


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
        By measure, the largest size of an effect in the random networks.
    channels : tuple of ChannelLabels
        What each of the C channels was found to be.
    criteria : LabelCriteria
        What was asked for.
    """

    labels: Annotated[tuple[str, ...], Shape("K")]
    effect: Mapping[str, Pairs]
    held_out: Mapping[str, Pairs]
    p: Mapping[str, Pairs]
    q: Mapping[str, Pairs]
    random: Mapping[str, Annotated[Floats, Shape("K", np.float32)]]
    channels: Annotated[tuple[ChannelLabels, ...], Shape("C")]
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
        """Which part of the channels has a label, named or not."""
        return sum(bool(c.labels) for c in self.channels) / max(len(self.channels), 1)

    def _repr_html_(self) -> str:
        rows = [
            (
                each.channel,
                channel_name(each).text,
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
            {"channel": each.channel, "name": channel_name(each).text, **asdict(label)}
            for each in self.channels
            for label in each.labels
        ]
        columns = ["channel", "name", *NamedLabel.__dataclass_fields__]
        return pd.DataFrame(rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON: arrays as lists, NaN as None."""
        return super().to_dict() | {"channels": self._channel_dicts()}

    def _channel_dicts(self) -> list[dict[str, Any]]:
        return [plain(c) | {"name": channel_name(c).text} for c in self.channels]

    def __repr__(self) -> str:
        return (
            f"<scores of {len(self.channels)} channels against {len(self.labels)} "
            f"labels: {self.named:.0%} named, {self.labelled:.0%} labelled>"
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
    random_networks : int
        Networks with random weights that the channels were held against.
    seed : int
        Of everything random.
    layers : dict of str to LabelScores
        By layer.
    random_labelled : dict of str to float
        By layer, which part of the channels of a network with random weights gets a
        label by the same rules, held against the others: the false ones among those
        of the trained network. NaN with fewer than two such networks.
    controls : tuple of str
        Which labels are controls that no channel should have.
    """

    target: str
    positions: int
    maps: int
    random_networks: int
    seed: int
    layers: Mapping[str, LabelScores]
    random_labelled: Mapping[str, float]
    controls: tuple[str, ...]

    def channel(self, layer: str, channel: int) -> ChannelLabels:
        """Return the labels of one channel, unnamed where none fulfils the criteria."""
        if layer not in self.layers:
            scored = ", ".join(self.layers)
            msg = f"layer '{layer}' has no labels, expected one of {scored}"
            raise ValueError(msg)
        channels = self.layers[layer].channels
        if not 0 <= channel < len(channels):
            last = len(channels) - 1
            msg = f"layer '{layer}' has channels 0 to {last}, not {channel}"
            raise ValueError(msg)
        return channels[channel]

    def controlled(self, layer: str) -> float:
        """Return which part of a layer's channels was given a control as a label."""
        channels = self.layers[layer].channels
        given = [any(n.label in self.controls for n in c.labels) for c in channels]
        return sum(given) / max(len(given), 1)

    def frame(self) -> "pd.DataFrame":
        """Return the tables of `LabelScores.frame` as one, with the layer before."""
        import pandas as pd

        parts = {layer: scores.frame() for layer, scores in self.layers.items()}
        for layer, part in parts.items():
            part.insert(0, "layer", layer)
        return pd.concat(parts.values(), ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return labels of all channels, ready for JSON.

        Scores of labels that no channel was given are left out.
        """
        about = ("target", "positions", "maps", "random_networks", "seed", "controls")
        layers = {layer: self._layer_dict(layer) for layer in self.layers}
        return dict(plain({n: getattr(self, n) for n in about} | {"layers": layers}))

    def __repr__(self) -> str:
        layers = ", ".join(f"{n}: {s.named:.0%} named" for n, s in self.layers.items())
        return f"ScoredLabels(target={self.target!r}, {layers})"

    def _repr_html_(self) -> str:
        columns = ("layer", "channels", "named", "labelled", "of random networks")
        rows = [
            (
                layer,
                len(scores.channels),
                f"{scores.named:.0%}",
                f"{scores.labelled:.0%}",
                f"{self.random_labelled[layer]:.1%} labelled",
            )
            for layer, scores in self.layers.items()
        ]
        title = f"Labels of channels, by relevance for '{self.target}'"
        note = f"{self.positions} positions; frame() lists the labels."
        return html_table(title, columns, rows, note=note)

    def _layer_dict(self, layer: str) -> dict[str, Any]:
        scores = self.layers[layer]
        return {
            "criteria": scores.criteria,
            "labels": scores.labels,
            "labelled": scores.labelled,
            "named": scores.named,
            "random_labelled": self.random_labelled[layer],
            "channels": scores._channel_dicts(),
        }
