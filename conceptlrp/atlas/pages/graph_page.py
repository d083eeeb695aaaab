"""The page of the concept graph: which channels send relevance to which.

Shapes use T targets and C channels of a layer.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.concept_graph import ConceptPath, MeanConceptGraph, strongest_paths
from conceptlrp.report.words.numbers import compact, percent

GRAPH_PAGE = "graph.html"

_PATHS = 40
_LISTED = 20
_SENDERS = 6
_WIDTH, _ROW, _MARGIN = 960, 140, 70
# Width of a letter of a name below a channel, and letters of a line at most.
_LETTER, _NAMED = 5.2, 22


def write_graph_page(site: Site, graph: MeanConceptGraph) -> None:
    """Write the page of the explained output's concept graph."""
    paths = strongest_paths(graph, _PATHS, target=site.target)
    strongest = paths[0].strength if paths else 1.0
    site.write(
        GRAPH_PAGE,
        "graph.html",
        graph=graph,
        drawing=graph_drawing(paths, graph.layers),
        drawn=len(paths),
        carried=float(sum(path.strength for path in paths)),
        paths=[_path_row(path, strongest) for path in paths[:_LISTED]],
        links=_links(graph, site.target),
        linked=site.store.layers,
    )


def graph_drawing(
    paths: Sequence[ConceptPath], layers: Sequence[str]
) -> dict[str, Any]:
    """Place paths as lines, as wide as their share of the target's relevance."""
    carried, signed = _edges(paths)
    rows = {layer: place for place, layer in enumerate(reversed(layers), 1)}
    places = _places(carried, rows)
    largest = max(carried.values(), default=1.0)
    lines = [
        (signed[edge], 0.6 + 9 * (share / largest), *_ends(*(places[n] for n in edge)))
        for edge, share in sorted(carried.items(), key=lambda item: item[1])
    ]
    return {
        "target": (paths[0].target if paths else "no relevance", _WIDTH / 2, _y(0)),
        "size": (_WIDTH, _y(len(rows)) + _MARGIN),
        "rows": [(layer, _y(row)) for layer, row in rows.items()],
        "lines": lines,
        "nodes": [(*node, *place) for node, place in places.items() if node],
        "letters": {layer: _letters(layer, places) for layer in rows},
    }


_Node = tuple[str, int] | None
_Line = tuple[_Node, _Node]
_Point = tuple[float, float]


def _edges(
    paths: Sequence[ConceptPath],
) -> tuple[dict[_Line, float], dict[_Line, float]]:
    """Add up, edge by edge, what the paths carry; and say which sign it has."""
    carried: dict[_Line, float] = {}
    signed: dict[_Line, float] = {}
    for path in paths:
        starts: tuple[_Node, ...] = (None, *path.nodes[:-1])
        for start, end, sign in zip(starts, path.nodes, path.relevance, strict=True):
            edge = (start, end)
            carried[edge] = carried.get(edge, 0.0) + path.strength
            signed[edge] = sign
    return carried, signed


def _letters(layer: str, places: dict[_Node, _Point]) -> int:
    """Count the small letters that fit between two channels of a row."""
    found = sorted(x for node, (x, _) in places.items() if node and node[0] == layer)
    room = min((b - a for a, b in pairwise(found)), default=_NAMED * _LETTER)
    return max(8, min(_NAMED, int(room / _LETTER)))


def _places(carried: dict[_Line, float], rows: dict[str, int]) -> dict[_Node, _Point]:
    """Place channels in rows, each near those that send to it."""
    places: dict[_Node, _Point] = {None: (_WIDTH / 2, _y(0))}
    for layer, row in rows.items():
        senders = _senders(carried, layer, places)
        ordered = sorted(senders, key=lambda node: (senders[node], node))
        step = (_WIDTH - 110) / (len(ordered) + 1)
        for place, node in enumerate(ordered, 1):
            places[node] = (90 + step * place, _y(row))
    return places


def _senders(
    carried: dict[_Line, float], layer: str, places: dict[_Node, _Point]
) -> dict[tuple[str, int], float]:
    """Return for each channel of a layer the mean place of what sends to it."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for (start, end), share in carried.items():
        if end is not None and end[0] == layer and start in places:
            found.setdefault(end, []).append((places[start][0], share))
    return {
        node: sum(x * share for x, share in pulls) / sum(share for _, share in pulls)
        for node, pulls in found.items()
    }


def _y(row: int) -> int:
    return _MARGIN + _ROW * row


def _ends(start: _Point, end: _Point) -> tuple[_Point, _Point]:
    """Let a line begin below what it comes from and end above what it leads to."""
    return (start[0], start[1] + 12), (end[0], end[1] - 14)


def _path_row(
    path: ConceptPath, strongest: float
) -> tuple[str, float, list[dict[str, str]]]:
    """Say how strong a path is, with the width of its bar, and its steps."""
    steps = zip(path.nodes, path.shares, path.relevance, strict=True)
    # Products of small shares need more digits than other percentages.
    strength = f"{compact(float(f'{100 * path.strength:.2g}'))}%"
    return strength, path.strength / strongest, [_step(*each) for each in steps]


def _step(node: tuple[str, int], share: float, sign: float) -> dict[str, Any]:
    layer, channel = node
    return {
        "node": node,
        "layer": layer,
        "name": f"{layer}:{channel}",
        "href": concept_page(layer, channel),
        "share": percent(share),
        "speaks": f"{'for' if sign > 0 else 'against'}, {compact(sign)}",
    }


def _links(graph: MeanConceptGraph, target: str) -> list[tuple[str, list[Any]]]:
    """List for every layer its strongest channels and what they send on."""
    index = graph.target_index(target)
    found = []
    for layer in reversed(graph.layers):
        below = graph.below(layer)
        if not below:
            continue
        shares = graph.shares(layer, target)
        order = np.argsort(-graph.nodes[layer].absolute[index], kind="stable")
        total = graph.nodes[layer].absolute[index].sum() or 1.0
        rows = []
        for channel in order[:_SENDERS].tolist():
            flow = graph.nodes[layer]
            part = float(flow.absolute[index, channel] / total)
            sender = _step((layer, channel), part, float(flow.signed[index, channel]))
            sent = [
                (float(shares[low][channel, d]), low, int(d))
                for low in below
                for d in np.argsort(-shares[low][channel], kind="stable")[:_SENDERS]
            ]
            sent.sort(key=lambda each: -each[0])
            receivers = [
                _step(
                    (low, d), share, graph.edges[layer, low].signed[index, channel, d]
                )
                for share, low, d in sent[:_SENDERS]
                if share > 0
            ]
            rows.append((sender, receivers))
        found.append((layer, rows))
    return found
