"""One explained output of one position, with what each channel has in it.

Shapes use C channels of a layer and n x n squares of the board. Relevance is in
the unit of the output: logits for moves, value before tanh for the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.report.local_atlas import LocalAtlas, local_atlas
from conceptlrp.report.plain import plain

__all__ = ["ChannelMap", "ExplainedOutput", "LayerMaps"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """What one channel has in one output at one position.

    Attributes
    ----------
    layer, channel : str, int
        The channel.
    relevance : float
        Relevance of the channel, summed over its feature map.
    share : float
        That divided by the magnitudes of all channels of the layer.
    activation : float
        Activation, summed over the feature map.
    rank : int
        Place among the channels of the layer by magnitude of relevance, 1 being
        the largest.
    heatmap : float array of shape (n, n)
        Conditional heatmap.
    """

    layer: str
    channel: int
    relevance: float
    share: float
    activation: float
    rank: int
    heatmap: Array


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """All channels of a layer for one output of one position.

    Attributes
    ----------
    layer : str
        Name of the layer.
    relevance : float array of shape (C,)
        Relevance of every channel.
    activation : float array of shape (C,)
        Activation of every channel, summed over its feature map.
    maps : float array of shape (C, n, n)
        Conditional heatmaps; they add up to the heatmap of the output.
    n_top : int
        Channels that count as the top ones.
    """

    layer: str
    relevance: Array
    activation: Array
    maps: Array
    n_top: int = 8

    def __len__(self) -> int:
        return len(self.relevance)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """All channels by magnitude of relevance, largest first; (C,)."""
        return np.argsort(-np.abs(self.relevance), kind="stable")

    @cached_property
    def atlas(self) -> LocalAtlas:
        """Which channel matters most on each square and in each region."""
        return local_atlas(self.maps)

    @cached_property
    def top(self) -> tuple[ChannelMap, ...]:
        """The channels with the largest relevance, without those that have none."""
        chosen = self.order[: self.n_top]
        return tuple(self.channel(int(c)) for c in chosen if self.relevance[c])

    def channel(self, channel: int) -> ChannelMap:
        """Return what one channel has in the output."""
        if not 0 <= channel < len(self):
            msg = (
                f"layer '{self.layer}' has channels 0 to {len(self) - 1}, not {channel}"
            )
            raise IndexError(msg)
        relevance, total = float(self.relevance[channel]), np.abs(self.relevance).sum()
        return ChannelMap(
            layer=self.layer,
            channel=channel,
            relevance=relevance,
            share=relevance / float(total) if total else 0.0,
            activation=float(self.activation[channel]),
            rank=int(np.flatnonzero(self.order == channel)[0]) + 1,
            heatmap=self.maps[channel],
        )


@dataclass(frozen=True, eq=False)
class ExplainedOutput:
    """One output of the network at one position, explained.

    Attributes
    ----------
    target : str
        "value", the name of a move, or two moves with a minus between them.
    unit : str
        Unit of the relevance.
    squares : tuple of int
        The move, or the move and the one it is contrasted with; empty for the value.
    explained : float
        The output, from which relevance starts.
    heatmap : float array of shape (n, n)
        Relevance of the squares of the board, planes summed.
    layers : mapping of str to LayerMaps
        By layer.
    """

    target: str
    unit: str
    squares: tuple[int, ...]
    explained: float
    heatmap: Array
    layers: Mapping[str, LayerMaps]

    def to_dict(self) -> dict[str, Any]:
        """Return heatmap, top channels and local atlas as plain values for JSON.

        Returns: what is not finite is None.
        """
        return {
            "target": self.target,
            "unit": self.unit,
            "squares": list(self.squares),
            "explained": plain(self.explained),
            "heatmap": plain(self.heatmap),
            "layers": {
                name: {
                    "channels": len(layer),
                    "top": plain(layer.top),
                    "atlas": plain(layer.atlas),
                }
                for name, layer in self.layers.items()
            },
        }
