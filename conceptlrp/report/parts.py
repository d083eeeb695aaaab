"""Single parts of a report, cut out of what is known of a layer."""

from typing import Any

import numpy as np

from conceptlrp.labelling.channel_name import ChannelName, channel_name
from conceptlrp.othello import square_name
from conceptlrp.report.channel_effect import ChannelEffect
from conceptlrp.report.label_findings import runners_up
from conceptlrp.report.layer_statistics import PHASE_PLIES
from conceptlrp.report.sources import LayerSources
from conceptlrp.report.statistics import MoveStatistics, PhaseStatistics
from conceptlrp.report.surroundings import MarkedCluster, Neighbour

# Moves that are named, and positions that make a mean worth naming.
_MOVES, _FEW_POSITIONS = 5, 10


def phases_of(sources: LayerSources, channel: int) -> tuple[PhaseStatistics, ...]:
    """Return the statistics of a channel for every ten plies."""
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


def moves_of(sources: LayerSources, channel: int) -> tuple[MoveStatistics, ...]:
    """Return the explained moves where a channel has its largest part."""
    layer, size = sources.statistics, sources.store.manifest.board_size
    enough = np.flatnonzero(layer.move_sizes >= _FEW_POSITIONS)
    magnitude = layer.move_magnitude[enough, channel]
    order = np.argsort(-magnitude, kind="stable")[:_MOVES]
    return tuple(
        MoveStatistics(
            move=square_name(square, size),
            positions=int(layer.move_sizes[square]),
            magnitude=float(layer.move_magnitude[square, channel]),
            mean_share=float(layer.move_share[square, channel]),
        )
        for square in enough[order].tolist()
        if layer.move_magnitude[square, channel] > 0
    )


def maps_of(sources: LayerSources, channel: int) -> dict[str, Any]:
    """Return the mean maps of a channel, as attributes of its report."""
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


def labels_of(sources: LayerSources, channel: int) -> dict[str, Any]:
    """Return the labels of a channel, as attributes of its report."""
    labels, layer = sources.labels, sources.layer
    if labels is None or layer not in labels.layers:
        nothing = dict.fromkeys(("labels", "cause", "random_labelled"))
        return {**nothing, "name": ChannelName(), "runners_up": ()}
    found = labels.channel(layer, channel)
    random = labels.random_labelled.get(layer, np.nan)
    return {
        "name": channel_name(found),
        "labels": found,
        "cause": labels.cause(layer, channel),
        "runners_up": runners_up(
            labels.layers[layer], channel, controls=labels.controls
        ),
        # Not known with fewer than two networks with random weights.
        "random_labelled": float(random) if np.isfinite(random) else None,
    }


def effect_of(sources: LayerSources, channel: int) -> ChannelEffect | None:
    """Return what ablating a channel does, if that is known."""
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


def edges_of(sources: LayerSources, channel: int) -> dict[str, Any]:
    """Return the strongest edges of a channel, as attributes of its report."""
    wiring = sources.wiring
    if wiring is None:
        return {"upstream": (), "downstream": ()}
    return {
        "upstream": wiring.upstream(channel),
        "downstream": wiring.downstream(channel),
    }


def nearest_of(sources: LayerSources, channel: int) -> tuple[Neighbour, ...]:
    """Return the channels whose share goes along most."""
    layer = sources.statistics
    pairs = zip(layer.neighbours[channel], layer.similarity[channel], strict=True)
    return tuple(Neighbour(int(other), float(cosine)) for other, cosine in pairs)


def clusters_of(sources: LayerSources, channel: int) -> tuple[MarkedCluster, ...]:
    """Return the clusters that have a channel among their markers."""
    clustering = sources.clustering
    if clustering is None:
        return ()
    found = []
    for number, marked in enumerate(sources.markers):
        for place in np.flatnonzero(marked.channels == channel).tolist():
            size, value = int(clustering.sizes[number]), float(marked.effects[place])
            found.append(MarkedCluster(number, size, value, place + 1))
    return tuple(sorted(found, key=lambda each: -abs(each.effect)))
