"""The concept graph: the strongest ways that relevance takes, layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from conceptlrp.concept_graph import MeanConceptGraph, strongest_paths
from conceptlrp.figures import style
from conceptlrp.figures.style import axes_at

Node = tuple[str, int]
Point = tuple[float, float]

_ROW: Final = 0.72
_LEFT: Final = 0.75
_HEAD, _FOOT = 0.36, 0.3
_THICK: Final = 5.0
_SWEEPS: Final = 8
_BROKEN: Final = (0, (3.0, 1.0))
_TARGET: Final = "target"


@style.styled
def concept_graph_figure(
    graph: MeanConceptGraph,
    target: int | str = 0,
    *,
    paths: int = 24,
    names: Mapping[Node, str] | None = None,
    above: str = "",
    title: str | None = None,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw the strongest paths from a target, on top, down to the first layer."""
    web = _web(graph, target, paths)
    if not web.edges:
        msg = f"no relevance leaves the target {web.target!r}: there are no paths"
        raise ValueError(msg)
    height = _HEAD + _ROW * (len(web.layers) - 1) + 0.34 + _FOOT
    figure = style.new_figure(width, height)
    room = (width - _LEFT - 0.05, height - _HEAD - _FOOT)
    axes = axes_at(figure, _LEFT, _FOOT, *room)
    axes.set(xlim=(0, room[0]), ylim=(0, room[1]))
    axes.set_axis_off()
    places = _places(web, room)
    for edge, flow in sorted(web.edges.items(), key=lambda each: -each[1].share):
        _draw_edge(axes, places[edge[0]], places[edge[1]], flow, largest=web.largest)
    for node, place in places.items():
        number = web.target if node[0] == _TARGET else str(node[1])
        _draw_node(axes, place, number, (names or {}).get(node, ""))
    for row, layer in enumerate(web.layers[1:], 1):
        y = room[1] - 0.17 - row * _ROW
        text = style.shortened(layer, _LEFT - 0.1, style.SMALL)
        style.note(axes, 0.06 - _LEFT, y, text, va="center", color=style.QUIET)
    default = f"The {web.paths} strongest paths (target: {web.target}{above})"
    _write(figure, web, title or default)
    return figure


@dataclass(frozen=True)
class _Flow:
    """What goes along an edge, as a share of what the upper node sends too."""

    share: float
    relevance: float


@dataclass(frozen=True)
class _Web:
    """The union of paths from the target down; `strength` is their share of it."""

    target: str
    layers: tuple[str, ...]
    edges: dict[tuple[Node, Node], _Flow]
    strength: float
    paths: int

    @property
    def largest(self) -> float:
        """The largest share of an edge."""
        return max(flow.share for flow in self.edges.values())


def _web(graph: MeanConceptGraph, target: int | str, count: int) -> _Web:
    found = strongest_paths(graph, count, target=target)
    edges = {
        edge: _Flow(share, relevance)
        for path in found
        for edge, share, relevance in zip(
            pairwise(((_TARGET, 0), *path.nodes)),
            path.shares,
            path.relevance,
            strict=True,
        )
    }
    used = {node[0] for edge in edges for node in edge}
    layers = [layer for layer in reversed(graph.layers) if layer in used]
    return _Web(
        target=graph.targets[graph.target_index(target)],
        layers=(_TARGET, *layers),
        edges=edges,
        strength=sum(path.strength for path in found),
        paths=len(found),
    )


def _places(web: _Web, room: tuple[float, float]) -> dict[Node, Point]:
    """Return where each node stands, neighbours being near to each other."""
    rows = _ordered(web)
    heights = {layer: room[1] - 0.17 - n * _ROW for n, layer in enumerate(web.layers)}
    at = _relative_places(rows)
    return {node: (room[0] * x, heights[node[0]]) for node, x in at.items()}


def _ordered(web: _Web) -> list[list[Node]]:
    """Order rows by the mean place of neighbours (Sugiyama et al., 1981, 3.3)."""
    known = sorted({node for edge in web.edges for node in edge})
    rows = [[node for node in known if node[0] == layer] for layer in web.layers]
    above: dict[Node, list[Node]] = {node: [] for node in known}
    below: dict[Node, list[Node]] = {node: [] for node in known}
    for upper, lower in web.edges:
        above[lower].append(upper)
        below[upper].append(lower)
    for _ in range(_SWEEPS):
        for joined, order in ((below, rows[::-1]), (above, rows)):
            for row in order:
                at = _relative_places(rows)
                middle = {n: np.mean([at[o] for o in joined[n] or [n]]) for n in row}
                row.sort(key=lambda node: (middle[node], node))
    return rows


def _relative_places(rows: list[list[Node]]) -> dict[Node, float]:
    return {
        node: (place + 0.5) / len(row) for row in rows for place, node in enumerate(row)
    }


def _draw_edge(
    axes: Axes, start: Point, end: Point, flow: _Flow, *, largest: float
) -> None:
    half = (start[1] - end[1]) / 2
    curve = Path(
        [start, (start[0], start[1] - half), (end[0], end[1] + half), end],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    axes.add_patch(
        PathPatch(
            curve,
            fill=False,
            capstyle="butt",
            edgecolor=style.FOR if flow.relevance >= 0 else style.AGAINST,
            # Broken lines tell the sign in prints without colour.
            linestyle="-" if flow.relevance >= 0 else _BROKEN,
            linewidth=_thickness(flow.share, largest),
            alpha=0.8,
        )
    )


def _thickness(share: float, largest: float) -> float:
    return max(0.4, _THICK * share / largest)


def _draw_node(axes: Axes, place: Point, number: str, name: str) -> None:
    text = style.shortened(number, 1.5, style.SMALL)
    wide = max(0.2, 0.062 * len(text) + 0.08)
    axes.add_patch(
        FancyBboxPatch(
            (place[0] - wide / 2, place[1] - 0.075),
            wide,
            0.15,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="white",
            edgecolor=style.INK,
            linewidth=0.6,
            zorder=3,
        )
    )
    style.note(axes, *place, text, ha="center", va="center_baseline", zorder=4)
    if name:
        text = style.shortened(name, 0.9, style.SMALL)
        ground = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.5}
        look: dict[str, Any] = {"ha": "center", "va": "top", "bbox": ground}
        style.note(axes, place[0], place[1] - 0.1, text, zorder=4, **look)


def _write(figure: Figure, web: _Web, title: str) -> None:
    """Write the title, what the paths carry, and what lines mean."""
    width, height = figure.get_size_inches()
    style.write_title(figure, title)
    text = f"together {100 * web.strength:.2g} % of its |relevance|"
    style.note(figure, 0.06 / width, 1 - 0.31 / height, text, color=style.QUIET)
    lines = _legend_lines(web)
    figure.legend(
        handles=lines,
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=len(lines),
        handlelength=1.6,
        columnspacing=1.0,
        handletextpad=0.5,
        borderaxespad=0.3,
    )


def _legend_lines(web: _Web) -> list[Line2D]:
    """Return a line for each sign, and two that are as wide as known shares."""
    shares = [float(f"{part * web.largest:.1g}") for part in (0.25, 1.0)]
    lines = [
        Line2D([], [], color=style.FOR, linewidth=2, label="for the target"),
        Line2D(
            [], [], color=style.AGAINST, linewidth=2, ls=_BROKEN, label="against it"
        ),
        *(
            Line2D(
                [],
                [],
                color=style.QUIET,
                solid_capstyle="butt",
                linewidth=_thickness(share, web.largest),
                label=f"{100 * share:g} %",
            )
            for share in shares
        ),
    ]
    lines[-1].set_label(f"{100 * shares[-1]:g} % of the node above")
    return lines
