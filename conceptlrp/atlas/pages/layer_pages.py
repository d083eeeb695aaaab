"""All pages of one layer: its channels, its clusters and the layer itself.

Layers do not depend on each other, so that each can be written by a process of its
own. Shapes use S sampled positions, C channels and n x n squares.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.atlas.pages.cluster_pages import (
    cluster_map,
    marker_rows,
    write_cluster_pages,
)
from conceptlrp.atlas.pages.concept_pages import write_concept_page
from conceptlrp.atlas.pictures.page_boards import CardMaker
from conceptlrp.atlas.pictures.tiles import Tile, make_tile
from conceptlrp.atlas.site import Site, layer_page
from conceptlrp.clustering import Clustering, cluster_channels
from conceptlrp.clustering.features import position_features
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.lrp import Target
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report import ChannelReport, layer_report
from conceptlrp.report.channel import ChannelLine
from conceptlrp.report.channel_places import channel_columns
from conceptlrp.store import Store, open_store

if TYPE_CHECKING:
    from conceptlrp.lrp import Explainer
    from conceptlrp.networks.checkpoint import AnyNetwork

# Channels of a page, so that it has 100 KB or less.
_TILES = 96
_LINKS = 12
_STRONGEST = 6
_GROUPS = 8
# Groups of fewer channels say nothing.
_FEWEST = 8
# Channels whose boards are explained together, each board once for all of them;
# reports hold what they describe, about 64 KB each.
_TOGETHER = 512
_BATCH = 64

Maps = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerPart:
    """What pages of all layers need of one: `columns` (S, C), tiles, `digests`."""

    layer: str
    facts: tuple[ChannelLine, ...]
    tiles: tuple[Tile, ...]
    columns: NDArray[np.float32]
    random_labelled: float | None
    labelled: bool
    digests: Mapping[str, str]


def write_layer(
    site: Site, layer: str, explainer: "Explainer | None" = None
) -> LayerPart:
    """Write all pages of a layer."""
    maker = CardMaker(
        site.store,
        target=site.target,
        pages=site.position_rows,
        games=site.chosen_games,
    )
    marks = site.store.arrays.explained_square(target=site.target)
    facts, tiles, phases = [], [], []
    for report in _reports(site, layer, explainer):
        write_concept_page(site, report, maker)
        facts.append(report.line)
        tiles.append(make_tile(report, marks, site.store.manifest.board_size))
        phases.append([phase.magnitude or 0.0 for phase in report.phases])
    if layer in site.results.clusterings:
        write_cluster_pages(site, site.results.clusterings[layer], maker)
    part = LayerPart(
        layer=layer,
        facts=tuple(facts),
        tiles=tuple(tiles),
        columns=channel_columns(site.store, layer, target=site.target),
        random_labelled=report.random_labelled,
        labelled=report.labels is not None,
        digests=site.digests,
    )
    _write_layer_pages(site, report, part, _phase_rows(report, np.array(phases)))
    return part


def write_layer_apart(
    known: Mapping[str, Any], layer: str, network: "AnyNetwork | None" = None
) -> LayerPart:
    """Write all pages of a layer in a process that has not opened the store yet."""
    site = Site(**{**known, "store": open_store(known["store"])})
    return write_layer(site, layer, made_explainer(site.store, network))


def made_explainer(store: Store, network: "AnyNetwork | None") -> "Explainer | None":
    """Make the explainer of a store, if there is a network."""
    if network is None:
        return None
    # What computes needs torch, which takes seconds to import.
    from conceptlrp.lrp.one_call import store_explainer

    return store_explainer(store, network)


def _reports(
    site: Site, layer: str, explainer: "Explainer | None"
) -> Iterator[ChannelReport]:
    store, results = site.store, site.results
    known: dict[str, Any] = {"target": site.target, "count": site.count}
    found = layer_report(store, layer, notes=site.notes, results=results, **known)
    return iter(found) if explainer is None else mapped_reports(found, store, explainer)


def _write_layer_pages(
    site: Site,
    report: ChannelReport,
    part: LayerPart,
    phases: Sequence[Mapping[str, Any]],
) -> None:
    """Write the pages of a layer; `report` is that of any of its channels."""
    layer, layers, facts = part.layer, site.store.layers, part.facts
    place = layers.index(layer)
    clustering = site.results.clusterings.get(layer)
    shape = site.store.manifest.layers[layer]
    known: dict[str, Any] = {
        "layer": layer,
        "shape": f"{shape['height']} \N{MULTIPLICATION SIGN} {shape['width']}",
        "previous": layers[place - 1] if place else None,
        "next": layers[place + 1] if place + 1 < len(layers) else None,
        "facts": facts,
        "largest": max((each.magnitude for each in facts), default=0.0) or 1.0,
        "half": _half(facts),
        "names": site.names,
        "labels": label_counts(facts),
        "labelled": report.labels is not None,
        "few": report.effects is not None and report.effects.few,
        "random_labelled": report.random_labelled,
        "phases": phases,
        "clustering": clustering,
        "map": None if clustering is None else cluster_map(clustering, root="../"),
        "markers": [] if clustering is None else _markers(clustering),
        "groups": _groups(site.store, layer, site.target),
        "links": _strongest_links(site.results.graph, layer, target=site.target),
        "missing": report.missing,
    }
    ranked = sorted(zip(facts, part.tiles, strict=True), key=lambda each: each[0].rank)
    sheets = [ranked[n : n + _TILES] for n in range(0, len(ranked), _TILES)]
    for sheet, shown in enumerate(sheets):
        known |= {"sheet": sheet, "sheets": sheets, "shown": shown}
        site.write(layer_page(layer, sheet), "layer.html", **known)


def _strongest_links(
    graph: MeanConceptGraph | None, layer: str, *, target: str
) -> list[dict[str, Any]] | None:
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
    return [
        {
            "channel": upper,
            "layer": below,
            "other": lower,
            "relevance": signed,
            "absolute": size,
            "width": size / found[0][0],
        }
        for size, signed, upper, below, lower in found[:_LINKS]
    ]


def _half(facts: Sequence[ChannelLine]) -> int:
    """Count the strongest channels that carry half of the relevance."""
    sizes = np.sort([each.magnitude for each in facts])[::-1]
    return int(np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)) + 1


def _phase_rows(
    report: ChannelReport, magnitudes: NDArray[np.floating]
) -> list[dict[str, Any]]:
    """List the strongest channels of every ten moves; magnitudes are (C, phases)."""
    rows = []
    for phase, column in zip(report.phases, magnitudes.T, strict=True):
        strongest = np.argsort(-column, kind="stable")[:_STRONGEST].tolist()
        rows.append(
            {
                "moves": f"{phase.first + 1}\N{EN DASH}{phase.last + 1}",
                "positions": phase.positions,
                "channels": [(c, float(column[c])) for c in strongest if column[c] > 0],
            }
        )
    return rows


def _markers(clustering: Clustering) -> list[list[dict[str, Any]]]:
    return [marker_rows(clustering, each, 4) for each in range(clustering.n_clusters)]


def _groups(store: Store, layer: str, target: str) -> list[list[int]]:
    """Group the channels that are used on the same positions, the largest first."""
    channels = store.channels(layer)
    if channels < _FEWEST:
        return []
    features = position_features(store, layer, target=target)
    labels = cluster_channels(features, min(_GROUPS, channels // 4)).labels
    numbers = range(int(labels.max(initial=-1)) + 1)
    return [np.flatnonzero(labels == each).tolist() for each in numbers]


def label_counts(facts: Sequence[ChannelLine]) -> list[tuple[str, list[int], float]]:
    """List names, the commonest first, with channels, best first, and best score."""
    by_name: dict[str, list[ChannelLine]] = {}
    for fact in facts:
        if fact.named:
            by_name.setdefault(fact.name, []).append(fact)
    counts = []
    for name, found in by_name.items():
        found.sort(key=lambda each: -abs(each.score or 0))
        counts.append((name, [each.channel for each in found], found[0].score or 0.0))
    return sorted(counts, key=lambda each: (-len(each[1]), each[0]))


def mapped_reports(
    reports: Iterable[ChannelReport], store: Store, explainer: "Explainer"
) -> Iterator[ChannelReport]:
    """Compute the heatmaps that reports of a layer lack, with the store's network."""
    upcoming = iter(reports)
    while together := list(islice(upcoming, _TOGETHER)):
        pairs = np.array(list(_wanted(together)), dtype=np.int64).reshape(-1, 4)
        maps = _maps(np.unique(pairs, axis=0), together[0], store, explainer)
        for report in together:
            yield replace(report, strips=_filled(report, maps))


def _wanted(reports: Iterable[ChannelReport]) -> Iterator[tuple[int, ...]]:
    """Yield row, target 0, layer 0 and channel of the maps that are missing."""
    for report in reports:
        for boards in report.strips.values():
            if boards.heatmaps is None:
                yield from ((row, 0, 0, report.channel) for row in boards.rows.tolist())


def _maps(
    pairs: NDArray[np.int64],
    report: ChannelReport,
    store: Store,
    explainer: "Explainer",
) -> dict[tuple[int, int], Maps]:
    from conceptlrp.runs.parts import conditional_heatmaps

    found: dict[tuple[int, int], Maps] = {}
    if not len(pairs):
        return found
    size = store.manifest.board_size
    # Rows that are not wanted are not read: a corpus can be large.
    rows, places = np.unique(pairs[:, 0], return_inverse=True)
    local = np.column_stack([places, pairs[:, 1:]])
    target = Target.parse(report.target, size)
    for chosen, maps in conditional_heatmaps(
        explainer,
        store.positions[rows],
        [target],
        local,
        [report.layer],
        _BATCH,
        baseline=store.baseline.take(rows),
    ):
        for pair, each in zip(pairs[chosen].tolist(), maps, strict=True):
            found[pair[0], pair[3]] = each
    return found


def _filled(
    report: ChannelReport, maps: dict[tuple[int, int], Maps]
) -> dict[str, ReferenceBoards]:
    strips = dict(report.strips.items())
    for name, boards in strips.items():
        if boards.heatmaps is None and len(boards):
            keys = [(row, report.channel) for row in boards.rows.tolist()]
            found = np.stack([maps[key] for key in keys])
            strips[name] = replace(boards, heatmaps=found)
    return strips
