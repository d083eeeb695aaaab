"""What scoring a store's channels against labels says, layer by layer.

Shapes use C channels and K labels.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from conceptlrp.labelling.causality import CausalCheck
from conceptlrp.labelling.results import ChannelLabels, LabelScores, NamedLabel

if TYPE_CHECKING:
    import pandas as pd


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
    causes : dict of str to dict of int to ChannelCause
        By layer and channel, for channels that have a label.
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
    causes: Mapping[str, Mapping[int, ChannelCause]]
    random_labelled: Mapping[str, float]
    controls: tuple[str, ...]

    def channel(self, layer: str, channel: int) -> ChannelLabels:
        """Return the labels of one channel.

        Parameters
        ----------
        layer : str
            One of the layers that were scored.
        channel : int
            Number of the channel in it.

        Returns
        -------
        ChannelLabels
            Named "unnamed" where no label fulfils the criteria.

        Raises
        ------
        ValueError
            The layer was not scored, or has no such channel.
        """
        if layer not in self.layers:
            scored = ", ".join(self.layers)
            message = f"layer '{layer}' has no labels, expected one of {scored}"
            raise ValueError(message)
        channels = self.layers[layer].channels
        if not 0 <= channel < len(channels):
            last = len(channels) - 1
            message = f"layer '{layer}' has channels 0 to {last}, not {channel}"
            raise ValueError(message)
        return channels[channel]

    def cause(self, layer: str, channel: int) -> ChannelCause | None:
        """Return the causal check of a channel's best label, if there is one.

        Parameters
        ----------
        layer : str
            One of the layers that were scored.
        channel : int
            Number of the channel in it.

        Returns
        -------
        ChannelCause or None
            None for a channel without a label, or where too few positions have the
            label or lack it.
        """
        return self.causes.get(layer, {}).get(channel)

    def controlled(self, layer: str) -> float:
        """Return which part of a layer's channels was given a control as a label.

        Parameters
        ----------
        layer : str
            One of the layers that were scored.
        """
        channels = self.layers[layer].channels
        given = [any(n.label in self.controls for n in c.labels) for c in channels]
        return sum(given) / max(len(given), 1)

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a channel and label that it was found to have.

        Returns
        -------
        DataFrame
            That of `LabelScores.frame` with the layer before, and for each channel's
            best label the ratio of its causal check and whether it passed.
        """
        import pandas as pd

        rows = [
            {"layer": layer, "name": channel.name, **self._row(layer, channel, label)}
            for layer, scores in self.layers.items()
            for channel in scores.channels
            for label in channel.labels
        ]
        known = (*NamedLabel.__dataclass_fields__, "causal_ratio", "causal")
        return pd.DataFrame(rows, columns=["layer", "channel", "name", *known])

    def to_dict(self) -> dict[str, Any]:
        """Return labels and causes of all channels, ready for JSON.

        Returns
        -------
        dict
            Without the scores of labels that no channel was given; what is not
            finite is None.
        """
        found: dict[str, Any] = finite(
            {
                "target": self.target,
                "positions": self.positions,
                "maps": self.maps,
                "random_networks": self.random_networks,
                "seed": self.seed,
                "controls": self.controls,
                "layers": {layer: self._layer_dict(layer) for layer in self.layers},
            }
        )
        return found

    def _layer_dict(self, layer: str) -> dict[str, Any]:
        scores, causes = self.layers[layer], self.causes.get(layer, {})
        return {
            "criteria": asdict(scores.criteria),
            "labels": list(scores.labels),
            "labelled": scores.labelled,
            "named": scores.named,
            "random_labelled": self.random_labelled[layer],
            "channels": [asdict(each) for each in scores.channels],
            "causes": {str(channel): asdict(c) for channel, c in causes.items()},
        }

    def _row(
        self, layer: str, channel: ChannelLabels, label: NamedLabel
    ) -> dict[str, Any]:
        row = {"channel": channel.channel, **asdict(label)}
        cause = self.cause(layer, channel.channel)
        if cause is not None and label is channel.labels[0]:
            row |= {"causal_ratio": cause.check.ratio, "causal": cause.check.passed}
        return row


def finite(value: Any) -> Any:
    """Return a tree of dicts and lists that is strict JSON: NaN and inf as None.

    Returns: the same with lists for tuples.
    """
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
