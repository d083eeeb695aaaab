"""A page for every layer: all of its channels, and what is known of them together.

Shapes use C channels, P phases of ten plies, and D channels of an adjacent layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.pages.cluster_pages import MarkerRow, cluster_map, marker_rows
from conceptlrp.atlas.site import Site, layer_page
from conceptlrp.clustering import Clustering, cluster_channels
from conceptlrp.clustering.features import position_features
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.report.channel import ChannelLine
from conceptlrp.store import Store

_LINKS = 12
_STRONGEST = 6
_GROUPS = 8
# Groups of fewer channels say nothing.
_FEWEST = 8


@dataclass(frozen=True)
class PhaseRow:
    """Ten moves: how many positions, and the strongest channels with magnitudes."""

    moves: str
    positions: int
    channels: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class ClusterRows:
    """A clustering with its map and the strongest marker channels of each cluster."""

    clustering: Clustering
    map: Markup | None
    markers: tuple[tuple[MarkerRow, ...], ...]


@dataclass(frozen=True)
class Link:
    """Mean relevance that a channel of the layer sends to one below, and its bar."""

    channel: int
    layer: str
    other: int
    relevance: float
    absolute: float
    width: float


@dataclass(frozen=True)
class LabelCount:
    """The channels that have a label as their name, best first, and its best score."""

    name: str
    channels: tuple[int, ...]
    best: float


def write_layer_page(
    site: Site,
    layer: str,
    facts: Sequence[ChannelLine],
    *,
    phases: NDArray[np.floating],
    phase_sizes: NDArray[np.integer],
    labelled: bool,
    random_labelled: float | None,
    missing: tuple[str, ...],
    columns: int,
) -> None:
    """Write the page of a layer; `phases` is (C, P), `phase_sizes` (P,)."""
    layers = site.store.layers
    place = layers.index(layer)
    clustering = site.clusterings.get(layer)
    shape = site.store.manifest.layers[layer]
    site.write(
        layer_page(layer),
        "layer.html",
        layer=layer,
        shape=f"{shape['height']} \N{MULTIPLICATION SIGN} {shape['width']}",
        previous=layers[place - 1] if place else None,
        next=layers[place + 1] if place + 1 < len(layers) else None,
        facts=facts,
        by_rank=sorted(facts, key=lambda each: each.rank),
        largest=max((each.magnitude for each in facts), default=0.0) or 1.0,
        half=_half(facts),
        names=site.names,
        labels=label_counts(facts),
        labelled=labelled,
        random_labelled=random_labelled,
        phases=_phase_rows(phases, phase_sizes),
        clusters=None if clustering is None else _cluster_rows(clustering),
        groups=_groups(site.store, layer, site.target),
        links=strongest_links(site.results.graph, layer, target=site.target),
        missing=missing,
        columns=columns,
    )


def strongest_links(
    graph: MeanConceptGraph | None, layer: str, *, target: str
) -> tuple[Link, ...] | None:
    """List the strongest edges from a layer to those below it, None without a graph."""
    if graph is None or layer not in graph.layers:
        return None
    index, found = graph.target_index(target), []
    for below in graph.below(layer):
        flow = graph.edges[layer, below]
        absolute = flow.absolute[index]
        for flat in np.argsort(-absolute, axis=None, kind="stable")[:_LINKS].tolist():
            upper, lower = divmod(flat, absolute.shape[1])
            signed = float(flow.signed[index][upper, lower])
            found.append((float(absolute[upper, lower]), signed, upper, below, lower))
    found = sorted((each for each in found if each[0] > 0), key=lambda each: -each[0])
    return tuple(
        Link(upper, below, lower, signed, size, size / found[0][0])
        for size, signed, upper, below, lower in found[:_LINKS]
    )


def _half(facts: Sequence[ChannelLine]) -> int:
    """Count the strongest channels that carry half of the relevance."""
    sizes = np.sort([each.magnitude for each in facts])[::-1]
    return int(np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)) + 1


def _phase_rows(
    magnitudes: NDArray[np.floating], sizes: NDArray[np.integer]
) -> tuple[PhaseRow, ...]:
    rows = []
    for number, size in enumerate(sizes.tolist()):
        column = magnitudes[:, number]
        order = np.argsort(-column, kind="stable")[:_STRONGEST].tolist()
        strongest = tuple((each, float(column[each])) for each in order)
        moves = f"{10 * number + 1}\N{EN DASH}{10 * number + 10}"
        shown = tuple(each for each in strongest if each[1] > 0)
        rows.append(PhaseRow(moves, size, shown))
    return tuple(rows)


def _cluster_rows(clustering: Clustering) -> ClusterRows:
    numbers = range(clustering.n_clusters)
    return ClusterRows(
        clustering=clustering,
        map=cluster_map(clustering, root="../"),
        markers=tuple(marker_rows(clustering, number, 4) for number in numbers),
    )


def _groups(store: Store, layer: str, target: str) -> tuple[tuple[int, ...], ...]:
    """Group the channels that are used on the same positions, the largest first."""
    channels = store.channels(layer)
    if channels < _FEWEST:
        return ()
    features = position_features(store, layer, target=target)
    labels = cluster_channels(features, min(_GROUPS, channels // 4)).labels
    numbers = range(int(labels.max(initial=-1)) + 1)
    return tuple(tuple(np.flatnonzero(labels == each).tolist()) for each in numbers)


def label_counts(facts: Sequence[ChannelLine]) -> tuple[LabelCount, ...]:
    """Count the channels of each name, the most frequent first."""
    by_name: dict[str, list[ChannelLine]] = {}
    for fact in facts:
        if fact.named:
            by_name.setdefault(fact.name, []).append(fact)
    counts = []
    for name, found in by_name.items():
        found.sort(key=lambda each: -abs(each.score or 0))
        channels = tuple(each.channel for each in found)
        counts.append(LabelCount(name, channels, found[0].score or 0.0))
    return tuple(sorted(counts, key=lambda each: (-len(each.channels), each.name)))
