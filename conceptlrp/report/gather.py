"""Reports of one channel or of all channels of a layer, from what a store holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError
from conceptlrp.lrp import Target
from conceptlrp.report.caveats import channel_warnings, missing_parts
from conceptlrp.report.channel import ChannelReport
from conceptlrp.report.columns import Column, channel_statistics, read_columns
from conceptlrp.report.note import Note
from conceptlrp.report.parts import (
    clusters_of,
    edges_of,
    effect_of,
    labels_of,
    maps_of,
    moves_of,
    nearest_of,
    phases_of,
)
from conceptlrp.report.provenance import citation, provenance
from conceptlrp.report.sources import LayerSources, read_sources
from conceptlrp.report.strips import BoardShelf, ChannelStrips, LayerStrips
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
        unit=Target.parse(target).unit,
        note=sources.notes.get((layer, channel)),
        statistics=statistics,
        phases=phases_of(sources, channel),
        moves=moves_of(sources, channel),
        strips=strips,
        **maps_of(sources, channel),
        **labels_of(sources, channel),
        effects=effect_of(sources, channel),
        **edges_of(sources, channel),
        nearest=nearest_of(sources, channel),
        clusters=clusters_of(sources, channel),
        warnings=channel_warnings(sources, channel, statistics),
        missing=missing_parts(sources),
        provenance=provenance(sources.store, target),
        citation=citation(sources.store, target, layer, channel),
    )
