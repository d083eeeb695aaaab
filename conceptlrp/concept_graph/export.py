"""Concept graphs for other programs: node-link JSON and networkx.

Shapes use C channels above and D channels below.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from conceptlrp.concept_graph.mean_graph import MeanConceptGraph
from conceptlrp.errors import ConceptLRPError

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]


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
    edges = _target_edges(graph, index, strongest)
    for layer in reversed(graph.layers):
        edges += _layer_edges(graph, layer, index, strongest)
    about = {"target": name, "positions": graph.positions}
    return {
        "directed": True,
        "multigraph": False,
        "graph": about,
        "nodes": nodes,
        "edges": edges,
    }


def to_networkx(
    graph: MeanConceptGraph, *, target: int | str = 0, strongest: int | None = 8
) -> "nx.DiGraph":
    """Return a concept graph as a networkx graph, which is an extra.

    Parameters
    ----------
    graph, target, strongest
        As for `node_link`.

    Returns
    -------
    networkx.DiGraph
        With the attributes that `node_link` lists.

    Raises
    ------
    ConceptLRPError
        If networkx is not installed.
    """
    try:
        import networkx as nx
    except ImportError as error:
        msg = "a networkx graph needs networkx; pip install 'conceptlrp[export]'"
        raise ConceptLRPError(msg) from error
    found = node_link(graph, target=target, strongest=strongest)
    return nx.node_link_graph(found, edges="edges")


def _target_edges(
    graph: MeanConceptGraph, index: int, strongest: int | None
) -> list[dict[str, Any]]:
    flows = {
        layer: (
            graph.nodes[layer].signed[index][None],
            graph.nodes[layer].absolute[index][None],
            share[None],
        )
        for layer, share in graph.target_shares(index).items()
    }
    return _edges([f"target:{graph.targets[index]}"], flows, strongest)


def _layer_edges(
    graph: MeanConceptGraph, layer: str, index: int, strongest: int | None
) -> list[dict[str, Any]]:
    flows = {
        low: (
            graph.edges[layer, low].signed[index],
            graph.edges[layer, low].absolute[index],
            share,
        )
        for low, share in graph.shares(layer, index).items()
    }
    channels = graph.nodes[layer].signed.shape[1]
    return _edges(
        [f"{layer}:{channel}" for channel in range(channels)], flows, strongest
    )


def _edges(
    sources: list[str], flows: dict[str, tuple[Any, Any, Any]], strongest: int | None
) -> list[dict[str, Any]]:
    """List the edges of an upper layer, (C, D) by lower layer, the strongest first."""
    if not flows:
        return []
    ends = [
        f"{low}:{d}" for low, flow in flows.items() for d in range(flow[0].shape[1])
    ]
    parts = zip(*flows.values(), strict=True)
    signed, absolute, share = (np.concatenate(part, axis=1) for part in parts)
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
