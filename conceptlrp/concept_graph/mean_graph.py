"""The concept graph of a corpus: mean relevance between channels, and its paths.

Nodes are a target and the channels of every layer; edges lead from a target to the
channels of the topmost layers, and from a channel to those of the layers below
that it sends relevance to. Means are taken over positions, of relevance with its
sign and of its magnitude: what speaks for one position's move and against
another's cancels in the former only.

A path's strength is the share of the target's relevance that goes that way: the
product of the shares along its edges, so that the strengths of all paths add up
to one where every channel sends relevance on. The k best are found by dynamic
programming over layers, which keeps the k best continuations of every channel.

Shapes use T targets, C channels above, D channels below and k paths.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import ConceptLRPError, TargetError, check_least
from conceptlrp.late import pd
from conceptlrp.store.results.codec import Shape

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]

Array = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Flow:
    """Mean relevance that arrives somewhere, with its sign and in magnitude."""

    signed: Annotated[Array, Shape("T C D?", np.float32)]
    absolute: Annotated[Array, Shape("T C D?", np.float32)]


@dataclass(frozen=True, eq=False, repr=False)
class MeanConceptGraph:
    """Relevance between channels of adjacent layers, averaged over positions.

    Attributes
    ----------
    targets : tuple of str
        Names of the T targets.
    layers : tuple of str
        The layers, in execution order.
    nodes : dict of str to Flow of shape (T, C)
        Relevance of the channels of each layer.
    edges : dict of (str, str) to Flow of shape (T, C, D)
        What the channels of an upper layer send to those of a lower one.
    positions : int
        Number of positions.
    """

    targets: tuple[str, ...]
    layers: tuple[str, ...]
    nodes: dict[str, Flow]
    edges: dict[Pair, Flow]
    positions: int

    def __repr__(self) -> str:
        sizes = (f"{n} ({f.signed.shape[1]})" for n, f in self.nodes.items())
        return (
            f"MeanConceptGraph({', '.join(self.targets)}; {', '.join(sizes)}; "
            f"{self.positions:,} positions)"
        )

    def _repr_html_(self) -> str:
        edges = self.frame().sort_values("absolute", ascending=False)[:16]
        return f"<p>{self!r}</p>{edges.to_html(index=False)}"

    def frame(self, target: "int | str" = 0) -> "pd.DataFrame":
        """Return the edges between channels as a table, towards one target."""
        index = self.target_index(target)
        tables = []
        for (upper, lower), flow in self.edges.items():
            above, below = flow.signed.shape[1:]
            table = {
                "upper": upper,
                "channel": np.repeat(np.arange(above), below),
                "lower": lower,
                "to": np.tile(np.arange(below), above),
                "relevance": flow.signed[index].ravel(),
                "absolute": flow.absolute[index].ravel(),
            }
            tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)

    def to_dict(self, target: "int | str" = 0) -> dict[str, Any]:
        """Return all nodes and edges towards one target, as `node_link` lists them."""
        return node_link(self, target=target, strongest=None)

    @property
    def top_layers(self) -> tuple[str, ...]:
        """Layers that no other sends to: targets do."""
        lower = {pair[1] for pair in self.edges}
        return tuple(layer for layer in self.layers if layer not in lower)

    def below(self, layer: str) -> tuple[str, ...]:
        """Return the layers that a layer sends to."""
        return tuple(low for up, low in self.edges if up == layer)

    def target_index(self, target: int | str) -> int:
        """Return the index of a target that is given by index or name."""
        if isinstance(target, str) and target in self.targets:
            return self.targets.index(target)
        if isinstance(target, int) and 0 <= target < len(self.targets):
            return target
        known = ", ".join(self.targets)
        msg = f"the graph has no target {target!r}, expected one of {known}"
        raise TargetError(msg)

    def shares(self, layer: str, target: int | str = 0) -> dict[str, Array]:
        """Return how what each channel sends is divided among those below.

        Returns, by lower layer, mean magnitudes (C, D) divided by their sum over all
        lower layers; a channel that sends nothing has zeros.
        """
        index = self.target_index(target)
        flows = {
            low: self.edges[layer, low].absolute[index] for low in self.below(layer)
        }
        total = sum(flow.sum(axis=1) for flow in flows.values())
        return {low: _divided(flow, total) for low, flow in flows.items()}

    def target_shares(self, target: int | str = 0) -> dict[str, Array]:
        """Return how what a target sends is divided among the topmost channels.

        Returns, by topmost layer, mean magnitudes (C,) divided by their sum.
        """
        index = self.target_index(target)
        flows = {layer: self.nodes[layer].absolute[index] for layer in self.top_layers}
        total = np.array([sum(flow.sum() for flow in flows.values())])
        return {layer: _divided(flow[None], total)[0] for layer, flow in flows.items()}


def _divided(flow: Array, total: Any) -> Array:
    safe = np.where(total > 0, total, 1)
    return np.asarray(flow / safe[:, None], dtype=np.float64)


def node_link(
    graph: MeanConceptGraph, *, target: int | str = 0, strongest: int | None = 8
) -> dict[str, Any]:
    """Return a concept graph as plain values, ready for JSON.

    Parameters
    ----------
    graph : MeanConceptGraph
        Of one position or of a corpus.
    target : int or str
        The explained output, which is the top node.
    strongest : int or None
        Edges that are kept of each node, those of largest magnitude; None keeps
        all. Every channel stays a node.

    Returns
    -------
    dict
        "directed", "multigraph", "graph", "nodes" and "edges" as
        ``networkx.node_link_graph(found, edges="edges")`` reads them. Nodes have an
        "id" such as "conv3:17", "layer", "channel", mean "relevance" and mean
        "absolute" relevance; edges have "source", "target", "relevance", "absolute"
        and their "share" of what the source sends.
    """
    index = graph.target_index(target)
    name = graph.targets[index]
    top = {"id": f"target:{name}", "layer": "target", "channel": 0}
    nodes = [top]
    for layer in graph.layers:
        flow = graph.nodes[layer]
        nodes += [
            {
                "id": f"{layer}:{channel}",
                "layer": layer,
                "channel": channel,
                "relevance": float(flow.signed[index, channel]),
                "absolute": float(flow.absolute[index, channel]),
            }
            for channel in range(flow.signed.shape[1])
        ]
    tops = {layer: graph.nodes[layer] for layer in graph.top_layers}
    edges = _edges(
        [f"target:{name}"], tops, graph.target_shares(index), index, strongest
    )
    for layer in reversed(graph.layers):
        sources = [f"{layer}:{c}" for c in range(graph.nodes[layer].signed.shape[1])]
        flows = {low: graph.edges[layer, low] for low in graph.below(layer)}
        shares = graph.shares(layer, index)
        edges += _edges(sources, flows, shares, index, strongest)
    about = {"target": name, "positions": graph.positions}
    found = {"graph": about, "nodes": nodes, "edges": edges}
    return {"directed": True, "multigraph": False, **found}


def to_networkx(
    graph: MeanConceptGraph, *, target: int | str = 0, strongest: int | None = 8
) -> "nx.DiGraph":
    """Return a concept graph as a networkx graph; networkx is an extra.

    Parameters
    ----------
    graph, target, strongest
        As for `node_link`.

    Returns
    -------
    networkx.DiGraph
        With the attributes that `node_link` lists.
    """
    try:
        import networkx as nx
    except ImportError as error:
        msg = "a networkx graph needs networkx; pip install 'conceptlrp[export]'"
        raise ConceptLRPError(msg) from error
    found = node_link(graph, target=target, strongest=strongest)
    return nx.node_link_graph(found, edges="edges")


def _edges(
    sources: list[str],
    flows: dict[str, Flow],
    shares: dict[str, Array],
    index: int,
    strongest: int | None,
) -> list[dict[str, Any]]:
    """List the edges of an upper layer, (C, D) by lower layer, the strongest first."""
    if not flows:
        return []
    ends = [f"{low}:{d}" for low, f in flows.items() for d in range(f.signed.shape[-1])]
    signed, absolute, share = (
        np.concatenate([np.atleast_2d(each) for each in part], axis=1)
        for part in (
            [flow.signed[index] for flow in flows.values()],
            [flow.absolute[index] for flow in flows.values()],
            [shares[low] for low in flows],
        )
    )
    order = np.argsort(-absolute, axis=1, kind="stable")[:, :strongest]
    return [
        {
            "source": source,
            "target": ends[end],
            "relevance": float(signed[c, end]),
            "absolute": float(absolute[c, end]),
            "share": float(share[c, end]),
        }
        for c, source in enumerate(sources)
        for end in order[c].tolist()
        if absolute[c, end] > 0
    ]


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
    check_least("k", k)
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
