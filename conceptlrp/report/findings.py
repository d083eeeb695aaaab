"""What is found of single channels: ablation, near labels, wiring, likeness, clusters.

Shapes use C channels of the layer, D channels of an adjacent one and n x n squares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling import LabelScores
from conceptlrp.report.words.labels import why_it_failed, why_it_is_no_name
from conceptlrp.statistics.intervals import LEAST_GAMES

if TYPE_CHECKING:
    from conceptlrp.ablation import Ablation
    from conceptlrp.clustering import Clustering
    from conceptlrp.clustering.clustering import Markers
    from conceptlrp.concept_graph import MeanConceptGraph
    from conceptlrp.report.statistics import LayerStatistics

_RUNNERS_UP, _LINKS = 5, 5
# What a runner-up that fulfils every criterion has of its label.
_SAME = ("label", "measure", "effect", "held_out", "low", "high", "q", "random")

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChannelEffect:
    """What ablating a channel does to the outputs, in their units, with intervals.

    `fall` is that of the explained output, `size` the mean magnitude of its change,
    `control` the same by a change of that size elsewhere in the layer, `value` the fall
    of the value before tanh, None without a value head. `policy` (n, n) is the fall of
    the logit of each square, nan where it is never legal. Ends of intervals are nan
    as in `LayerEffects`.
    """

    ablation: str
    positions: int
    games: int
    fall: float
    fall_low: float
    fall_high: float
    size: float
    size_low: float
    size_high: float
    value: float | None
    value_low: float | None
    value_high: float | None
    moves_changed: float
    control: float
    control_low: float
    control_high: float
    rank: int
    policy: Array
    beats_control: bool

    @property
    def few(self) -> bool:
        """Whether the positions are of too few games to hold it against its control."""
        return self.games < LEAST_GAMES


@dataclass(frozen=True)
class RunnerUp:
    """A label that nearly was a channel's, its effect held out, and why it is not."""

    label: str
    measure: str
    effect: float | None
    held_out: float | None
    low: float | None
    high: float | None
    q: float | None
    random: float | None
    reason: str


@dataclass(frozen=True)
class WiredChannel:
    """An adjacent channel, mean relevance between, and its share on that side."""

    layer: str
    channel: int
    relevance: float
    absolute: float
    share: float


@dataclass(frozen=True)
class Neighbour:
    """A channel of the same layer, by the cosine of both shares over all positions."""

    channel: int
    cosine: float


@dataclass(frozen=True)
class MarkedCluster:
    """A cluster that a channel marks: standardised `effect`, and `place` from 1."""

    cluster: int
    positions: int
    effect: float
    place: int


def channel_effect(
    effects: "Ablation | None", layer: str, channel: int
) -> ChannelEffect | None:
    """Return what ablating a channel does, if that is known."""
    if effects is None or layer not in effects.layers:
        return None
    found = effects.layers[layer]
    numbers: dict[str, Any] = {
        name: float(values[channel]) for name, values in found.numbers().items()
    }
    if not np.isfinite(numbers["value"]):
        numbers |= dict.fromkeys(("value", "value_low", "value_high"))
    return ChannelEffect(
        ablation=effects.ablation,
        positions=effects.positions,
        rank=int(np.flatnonzero(found.order == channel)[0]) + 1,
        policy=found.policy[channel],
        games=found.games,
        beats_control=bool(found.beats_control[channel]),
        **numbers,
    )


def runners_up(
    scores: LabelScores, channel: int, controls: Sequence[str] = ()
) -> tuple[RunnerUp, ...]:
    """Find the best five labels that name no channel, those that pass first."""
    found = scores.channels[channel]
    left_out = {*controls, *(each.label for each in found.labels[: found.named])}
    chosen = {}
    for label in found.labels:
        if label.label not in left_out:
            known = {field: getattr(label, field) for field in _SAME}
            reason = why_it_is_no_name(label, found)
            chosen[label.label] = RunnerUp(**known, reason=reason)
    tested = [
        (abs(float(size)), measure, k)
        for measure, effects in scores.effect.items()
        for k, size in enumerate(effects[channel])
        if np.isfinite(size)
    ]
    for size, measure, k in sorted(tested, key=lambda each: -each[0]):
        if len(chosen) >= _RUNNERS_UP or size == 0:
            break
        failed = scores.labels[k]
        if failed not in left_out and failed not in chosen:
            chosen[failed] = _failed(scores, channel, measure, k)
    return tuple(chosen.values())[:_RUNNERS_UP]


def _failed(scores: LabelScores, channel: int, measure: str, k: int) -> RunnerUp:
    size, held_out, q = (
        finite(table[measure][channel, k])
        for table in (scores.effect, scores.held_out, scores.q)
    )
    random = finite(scores.random[measure][k])
    asked = scores.criteria
    followed = scores.correlation.get(measure, scores.held_out[measure])
    strength = abs(finite(followed[channel, k]) or 0.0)
    reason = why_it_failed(size or 0.0, held_out, q, random, asked, strength)
    return RunnerUp(
        scores.labels[k], measure, size, held_out, None, None, q, random, reason
    )


def finite(value: float) -> float | None:
    """Return a number, None for what is not known."""
    return float(value) if np.isfinite(value) else None


def wired_channels(
    graph: "MeanConceptGraph | None", layer: str, channel: int, target: str
) -> tuple[tuple[WiredChannel, ...], tuple[WiredChannel, ...]]:
    """Return the strongest links of a channel: upstream of it, and downstream."""
    if graph is None or target not in graph.targets or layer not in graph.layers:
        return (), ()
    index = graph.target_index(target)
    lower, upper = [], []
    for (above, below), flow in graph.edges.items():
        signed, absolute = flow.signed[index], flow.absolute[index]
        if above == layer:
            lower.append((below, signed[channel], absolute[channel]))
        elif below == layer:
            upper.append((above, signed[:, channel], absolute[:, channel]))
    return _strongest(lower), _strongest(upper)


def _strongest(links: Sequence[tuple[str, Array, Array]]) -> tuple[WiredChannel, ...]:
    """Shapes: signed and absolute of each layer (D,)."""
    names = [(layer, d) for layer, signed, _ in links for d in range(len(signed))]
    signed, absolute = (
        np.concatenate([np.zeros(0), *(each[place] for each in links)])
        for place in (1, 2)
    )
    total = float(absolute.sum()) or 1.0
    order = np.argsort(-absolute, kind="stable")[:_LINKS].tolist()
    return tuple(
        WiredChannel(
            layer=names[i][0],
            channel=names[i][1],
            relevance=float(signed[i]),
            absolute=float(absolute[i]),
            share=float(absolute[i]) / total,
        )
        for i in order
        if absolute[i] > 0
    )


def nearest_channels(layer: "LayerStatistics", channel: int) -> tuple[Neighbour, ...]:
    """Return the channels used most alike; of a few positions all would seem so."""
    if layer.positions < LEAST_GAMES:
        return ()
    pairs = zip(layer.neighbours[channel], layer.similarity[channel], strict=True)
    return tuple(Neighbour(int(other), float(cosine)) for other, cosine in pairs)


def marked_clusters(
    clustering: "Clustering | None", markers: "Sequence[Markers]", channel: int
) -> tuple[MarkedCluster, ...]:
    """Return the clusters that have a channel among their markers, strongest first."""
    if clustering is None:
        return ()
    sizes = clustering.sizes.tolist()
    found = [
        MarkedCluster(number, sizes[number], float(marked.effects[place]), place + 1)
        for number, marked in enumerate(markers)
        for place in np.flatnonzero(marked.channels == channel).tolist()
    ]
    return tuple(sorted(found, key=lambda each: -abs(each.effect)))
