"""The strongest edges of the channels of a layer in a concept graph.

Shapes use C channels of the layer and D channels of an adjacent one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.report.surroundings import Edge

__all__ = ["LayerWiring", "layer_wiring"]

_EDGES = 5

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Side:
    """Relevance between C channels and all those of the layers of one side.

    Attributes
    ----------
    names : tuple of (str, int)
        Layer and channel of each of the D.
    signed, absolute : float arrays of shape (C, D)
        Mean relevance, and mean magnitude.
    """

    names: tuple[tuple[str, int], ...]
    signed: Array
    absolute: Array

    def strongest(self, channel: int) -> tuple[Edge, ...]:
        absolute = self.absolute[channel]
        total = float(absolute.sum()) or 1.0
        order = np.argsort(-absolute, kind="stable")[:_EDGES]
        return tuple(
            Edge(
                layer=self.names[i][0],
                channel=self.names[i][1],
                relevance=float(self.signed[channel, i]),
                absolute=float(absolute[i]),
                share=float(absolute[i]) / total,
            )
            for i in order.tolist()
            if absolute[i] > 0
        )


@dataclass(frozen=True, eq=False)
class LayerWiring:
    """What the channels of a layer draw on, and what draws on them."""

    lower: _Side
    upper: _Side

    def upstream(self, channel: int) -> tuple[Edge, ...]:
        """Return the channels before that a channel sends most relevance to."""
        return self.lower.strongest(channel)

    def downstream(self, channel: int) -> tuple[Edge, ...]:
        """Return the channels after that a channel gets most relevance from."""
        return self.upper.strongest(channel)


def layer_wiring(
    graph: MeanConceptGraph, layer: str, *, target: int | str = 0
) -> LayerWiring:
    """Lay out the edges of a layer by channel.

    Returns: without edges on a side where the graph has none.
    """
    index = graph.target_index(target)
    channels = graph.nodes[layer].absolute.shape[1]
    lower, upper = [], []
    for (above, below), flow in graph.edges.items():
        signed, absolute = flow.signed[index], flow.absolute[index]
        if above == layer:
            lower.append((below, signed, absolute))
        elif below == layer:
            upper.append((above, signed.T, absolute.T))
    return LayerWiring(_side(lower, channels), _side(upper, channels))


def _side(parts: Sequence[tuple[str, Array, Array]], channels: int) -> _Side:
    names = tuple((layer, d) for layer, a, _ in parts for d in range(a.shape[1]))
    empty = [np.zeros((channels, 0))]
    signed = np.concatenate(empty + [a for _, a, _ in parts], axis=1)
    absolute = np.concatenate(empty + [a for _, _, a in parts], axis=1)
    return _Side(names, signed, absolute)
