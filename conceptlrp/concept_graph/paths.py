"""Strongest paths through a concept graph, from a target down to the first layer.

A path's strength is the share of the target's relevance that goes that way: the
product of the shares along its edges, so that the strengths of all paths add up
to one where every channel sends relevance on. The k best are found by dynamic
programming over layers, which keeps the k best continuations of every channel.

Shapes use C channels above, D channels below and k paths.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from conceptlrp.concept_graph.mean_graph import MeanConceptGraph

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class ConceptPath:
    """A way that relevance takes from a target through channels.

    Attributes
    ----------
    target : str
        Name of the target.
    nodes : tuple of (str, int)
        Layer and channel of each step, from the top down.
    shares : tuple of float
        Part of what arrives at a step's predecessor that goes on to it.
    relevance : tuple of float
        Mean signed relevance along each edge, which says whether the channel speaks
        for or against.
    """

    target: str
    nodes: tuple[tuple[str, int], ...]
    shares: tuple[float, ...]
    relevance: tuple[float, ...]

    @property
    def strength(self) -> float:
        """Share of the target's relevance that goes this way."""
        return float(np.prod(self.shares))


@dataclass(frozen=True)
class _Best:
    """The best continuations (C, k) of each channel, the strongest first.

    ``values`` are their strengths, 0 where there are fewer; ``layers``, ``channels``
    and ``ranks`` the next step: which of the layers below, its channel, and which of
    that channel's own continuations; -1 at the end of a path.
    """

    values: Array
    layers: Index
    channels: Index
    ranks: Index


def strongest_paths(
    graph: MeanConceptGraph, k: int = 5, *, target: int | str = 0
) -> tuple[ConceptPath, ...]:
    """Find the k strongest paths of a target.

    Parameters
    ----------
    graph : MeanConceptGraph
        Of one position or of a corpus.
    k : int
        Paths wanted, one or more; fewer come back where fewer have any strength.
    target : int or str
        The explained output, such as a move.

    Returns
    -------
    tuple of ConceptPath
        Exact, the strongest first; of equal ones the lower channels first.
    """
    if k < 1:
        msg = f"{k} paths are asked for, expected 1 or more"
        raise ValueError(msg)
    best: dict[str, _Best] = {}
    for layer in graph.layers:
        low = list(graph.below(layer))
        own = graph.shares(layer, target)
        if low:
            best[layer] = _combine([own[each] for each in low], low, best, k)
        else:
            end = np.full((graph.nodes[layer].signed.shape[1], 1), -1, np.int64)
            best[layer] = _Best(np.ones(end.shape), end, end, end)
    shares = graph.target_shares(target)
    below = list(shares)
    start = _combine([shares[layer][None] for layer in below], below, best, k)
    count = int((start.values[0] > 0).sum())
    return tuple(
        _path(graph, _nodes(graph, below, start, rank, best), target)
        for rank in range(count)
    )


def _combine(
    shares: list[Array], below: list[str], best: dict[str, _Best], k: int
) -> _Best:
    """Choose the k best of all steps (C, D) followed by their continuations."""
    parts = [
        (share[:, :, None] * best[low].values).reshape(len(share), -1)
        for share, low in zip(shares, below, strict=True)
    ]
    values = np.concatenate(parts, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    ends = np.cumsum([part.shape[1] for part in parts])
    layers = np.searchsorted(ends, order, side="right")
    within = order - (ends - [part.shape[1] for part in parts])[layers]
    width = np.array([best[low].values.shape[1] for low in below])[layers]
    chosen = np.take_along_axis(values, order, axis=1)
    return _Best(chosen, layers, within // width, within % width)


def _nodes(
    graph: MeanConceptGraph,
    below: list[str],
    start: _Best,
    rank: int,
    best: dict[str, _Best],
) -> tuple[tuple[str, int], ...]:
    """Follow the continuations of a start down to the end."""
    nodes = []
    step, channel = start, 0
    while step.layers[channel, rank] >= 0:
        layer = below[step.layers[channel, rank]]
        channel, rank = int(step.channels[channel, rank]), step.ranks[channel, rank]
        nodes.append((layer, channel))
        step, below = best[layer], list(graph.below(layer))
    return tuple(nodes)


def _path(
    graph: MeanConceptGraph, nodes: tuple[tuple[str, int], ...], target: int | str
) -> ConceptPath:
    index = graph.target_index(target)
    layer, channel = nodes[0]
    shares = [float(graph.target_shares(target)[layer][channel])]
    relevance = [float(graph.nodes[layer].signed[index, channel])]
    for (up, c), (low, d) in pairwise(nodes):
        shares.append(float(graph.shares(up, target)[low][c, d]))
        relevance.append(float(graph.edges[up, low].signed[index, c, d]))
    return ConceptPath(graph.targets[index], nodes, tuple(shares), tuple(relevance))
