"""Reports of one channel or of all channels of a layer, from what a store holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError
from conceptlrp.evaluation import UNNAMED
from conceptlrp.report.caveats import channel_warnings, missing_parts
from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.channel_report import ChannelReport
from conceptlrp.report.columns import Column, channel_statistics, read_columns
from conceptlrp.report.label_findings import runners_up
from conceptlrp.report.layer_statistics import PHASE_PLIES
from conceptlrp.report.note import Note
from conceptlrp.report.provenance import citation, provenance, unit_of
from conceptlrp.report.sources import LayerSources, read_sources
from conceptlrp.report.statistics import PhaseStatistics
from conceptlrp.report.strips import BoardShelf, ChannelStrips, LayerStrips
from conceptlrp.report.surroundings import MarkedCluster, Neighbour
from conceptlrp.store import Store

__all__ = ["channel_report", "layer_reports"]

Notes = Mapping[tuple[str, int], Note]


def channel_report(
    store: Store,
    *,
    layer: str,
    channel: int,
    target: int | str = 0,
    k: int = 8,
    notes: Notes | None = None,
) -> ChannelReport:
    """Gather everything that a store holds about a channel.

    The network is not needed. What has not been computed yet is named, with the
    command that does.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer, channel : str, int
        The channel.
    target : int or str
        Explained output.
    k : int
        Boards of a strip.
    notes : mapping of (str, int) to Note, optional
        Remarks by layer and channel, see `read_notes`.

    Returns
    -------
    ChannelReport
        For programs, as JSON and as text.

    Raises
    ------
    LayerError
        When there is no such channel.
    StoreError
        When a part of the store is damaged, or made for another one.
    """
    last = store.channels(layer) - 1
    if not 0 <= channel <= last:
        msg = f"layer '{layer}' has no channel {channel}, expected 0 to {last}"
        raise LayerError(msg)
    sources = _sources(store, layer, target, k, notes)
    return next(_reports(sources, [channel], k))


def layer_reports(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    k: int = 8,
    notes: Notes | None = None,
) -> Iterator[ChannelReport]:
    """Gather reports of all channels of a layer, reading the store once.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Name of the layer.
    target, k, notes
        As for `channel_report`.

    Returns
    -------
    iterator of ChannelReport
        In the order of the channels; memory does not grow with their number.

    Raises
    ------
    LayerError
        When there is no such layer.
    StoreError
        When a part of the store is damaged, or made for another one.
    """
    sources = _sources(store, layer, target, k, notes)
    return _reports(sources, range(store.channels(layer)), k)


def _sources(
    store: Store, layer: str, target: int | str, k: int, notes: Notes | None
) -> LayerSources:
    if k < 1:
        msg = f"strips of {k} boards are asked for, expected at least 1"
        raise ValueError(msg)
    return read_sources(store, layer, target=target, notes=notes)


def _reports(
    sources: LayerSources, channels: Sequence[int], k: int
) -> Iterator[ChannelReport]:
    store, layer, target = sources.store, sources.layer, sources.target
    strips = LayerStrips(store, layer, target, k, sources.references)
    for columns in read_columns(store, layer, channels, target=target):
        plans = [strips.plans(column) for column in columns]
        shelf = BoardShelf(store, _rows(plans))
        for column, plan in zip(columns, plans, strict=True):
            found = strips.describe(column.channel, plan, shelf)
            yield _report(sources, column, found)


def _rows(plans: list[dict[str, Any]]) -> NDArray[np.int64]:
    rows = [plan.ranking.rows for each in plans for plan in each.values()]
    return np.concatenate([np.empty(0, np.int64), *rows])


def _report(
    sources: LayerSources, column: Column, strips: ChannelStrips
) -> ChannelReport:
    layer, channel, target = sources.layer, column.channel, sources.target
    statistics = channel_statistics(column, sources.statistics)
    return ChannelReport(
        layer=layer,
        channel=channel,
        channels=sources.statistics.channels,
        target=target,
        unit=unit_of(target),
        note=sources.notes.get((layer, channel)),
        statistics=statistics,
        phases=_phases(sources, channel),
        strips=strips,
        **_maps(sources, channel),
        **_labels(sources, channel),
        effects=_effect(sources, channel),
        upstream=_edges(sources, "upstream", channel),
        downstream=_edges(sources, "downstream", channel),
        nearest=_nearest(sources, channel),
        clusters=_clusters(sources, channel),
        warnings=channel_warnings(sources, channel, statistics),
        missing=missing_parts(sources),
        provenance=provenance(sources.store, target),
        citation=citation(sources.store, target, layer, channel),
    )


def _phases(sources: LayerSources, channel: int) -> tuple[PhaseStatistics, ...]:
    layer = sources.statistics
    return tuple(
        PhaseStatistics(
            first=number * PHASE_PLIES,
            last=(number + 1) * PHASE_PLIES - 1,
            positions=size,
            magnitude=float(layer.phase_magnitude[number, channel]) if size else None,
            active=float(layer.phase_active[number, channel]) if size else None,
        )
        for number, size in enumerate(layer.phase_sizes.tolist())
    )


def _maps(sources: LayerSources, channel: int) -> dict[str, Any]:
    maps = sources.maps
    if maps is None:
        nothing = dict.fromkeys(("mean_positive", "mean_negative", "regions"))
        return {**nothing, "maps_of": ""}
    return {
        "mean_positive": maps.positive[channel],
        "mean_negative": maps.negative[channel],
        "maps_of": maps.of,
        "regions": maps.regions_of(channel),
    }


def _labels(sources: LayerSources, channel: int) -> dict[str, Any]:
    labels, layer = sources.labels, sources.layer
    if labels is None or layer not in labels.layers:
        nothing = dict.fromkeys(("labels", "cause", "random_labelled"))
        return {**nothing, "name": UNNAMED, "runners_up": ()}
    found = labels.channel(layer, channel)
    random = labels.random_labelled.get(layer, np.nan)
    return {
        "name": found.name,
        "labels": found,
        "cause": labels.cause(layer, channel),
        "runners_up": runners_up(
            labels.layers[layer], channel, controls=labels.controls
        ),
        # Not known with fewer than two networks with random weights.
        "random_labelled": float(random) if np.isfinite(random) else None,
    }


def _effect(sources: LayerSources, channel: int) -> ChannelEffect | None:
    effects = sources.effects
    if effects is None or sources.layer not in effects.layers:
        return None
    layer = effects.layers[sources.layer]
    numbers: dict[str, Any] = {
        name: float(values[channel]) for name, values in layer.numbers().items()
    }
    for name in ("value", "value_low", "value_high"):
        numbers[name] = numbers[name] if np.isfinite(numbers[name]) else None
    return ChannelEffect(
        ablation=effects.ablation,
        positions=effects.positions,
        rank=int(np.flatnonzero(layer.order == channel)[0]) + 1,
        policy=layer.policy[channel],
        **numbers,
    )


def _edges(sources: LayerSources, side: str, channel: int) -> tuple[Any, ...]:
    wiring = sources.wiring
    return () if wiring is None else getattr(wiring, side)(channel)


def _nearest(sources: LayerSources, channel: int) -> tuple[Neighbour, ...]:
    layer = sources.statistics
    pairs = zip(layer.neighbours[channel], layer.similarity[channel], strict=True)
    return tuple(Neighbour(int(other), float(cosine)) for other, cosine in pairs)


def _clusters(sources: LayerSources, channel: int) -> tuple[MarkedCluster, ...]:
    clustering = sources.clustering
    if clustering is None:
        return ()
    found = []
    for number, marked in enumerate(sources.markers):
        for place in np.flatnonzero(marked.channels == channel).tolist():
            size, value = int(clustering.sizes[number]), float(marked.effects[place])
            found.append(MarkedCluster(number, size, value, place + 1))
    return tuple(sorted(found, key=lambda each: -abs(each.effect)))
