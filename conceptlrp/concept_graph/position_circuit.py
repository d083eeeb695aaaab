"""The circuit of one position: channels in the order of pruning, and what each does.

All layers compete. A part of the channels left goes each round, the least relevant
above the mean, and relevance is taken anew; what is dropped has its mean over the
corpus. For each channel that is shown the network runs again with that one alone at its
mean, so effects are exact; what edges carry is relevance in the whole network.

Shapes use K channels that are shown and S sizes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.ablation.sample import NOTHING, FollowedSample
from conceptlrp.concept_graph.units import KeptUnits, pruned
from conceptlrp.lrp import Baseline, ConceptGraph, Explainer, Intervened, Intervention
from conceptlrp.lrp.probing import VALUE, boards_of
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus, Position, parse_square

# Circuits are about as good as those of rounds of a tenth, in three fifths of the time.
_DROPPED: Final = 0.2
_SIZES: Final = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
_TOLD: Final = 0.05

Place = tuple[str, int]


@dataclass(frozen=True, eq=False)
class PositionCircuit:
    """Channels that keep an output, the one that is kept longest first.

    ``relevance`` (K,) is above the mean; ``outputs`` (S,) are kept by the first
    ``sizes`` (S,) of the ``nodes`` alone, ``full`` by all ``total`` channels; ``alone``
    has an experiment for each node, set to its mean; and ``edges`` (K,) how
    much each has from which nodes, -1 being the output, the strongest first.
    """

    nodes: tuple[Place, ...]
    relevance: NDArray[np.floating]
    sizes: tuple[int, ...]
    outputs: tuple[float, ...]
    full: float
    total: int
    alone: Intervened
    edges: tuple[tuple[tuple[int, float], ...], ...]

    @property
    def kept(self) -> NDArray[np.floating]:
        """Part (S,) of the output above that of no channel, nan of a twentieth."""
        none = self.outputs[0]
        gap = self.full - none
        told = abs(gap) > _TOLD * max(abs(self.full), abs(none))
        return np.subtract(self.outputs, none) / (gap if told else np.nan)


def position_circuit(
    explainer: Explainer, position: Position, baseline: Baseline, *, target: str
) -> PositionCircuit:
    """Find the circuit of a square's move or "value"; the baseline is a mean.

    What only hooks can explain, or gradients do, is refused.
    """
    corpus, asked = explainer.corpus(position), [target]
    graph = explainer.concept_graph(
        corpus, targets=asked, per_position=True, baseline=baseline
    )
    runner = KeptUnits(explainer, baseline, _followed(corpus, target))
    channels = runner.channels
    ranks = pruned(runner, channels, each=True, dropped=_DROPPED)
    relevance = runner.relevance(channels, torch.ones_like(ranks) > 0)[0].numpy()
    places = [(name, c) for name, n in channels.counts.items() for c in range(n)]
    shown = ranks[0].argsort()[: _SIZES[-1]].tolist()
    nodes = tuple(places[unit] for unit in shown)
    sizes = tuple(sorted({min(size, len(nodes)) for size in _SIZES}))
    alone = [Intervention(n, c, value=baseline.maps[n][c]) for n, c in nodes]
    return PositionCircuit(
        nodes=nodes,
        relevance=relevance[shown],
        sizes=sizes,
        outputs=tuple(float(runner.outputs(channels, ranks < n)[0]) for n in sizes),
        full=float(runner.full[0]),
        total=len(channels),
        alone=explainer.intervene(corpus, alone, targets=asked),
        edges=tuple(_edges(graph, nodes, relevance[shown])),
    )


def _edges(
    graph: ConceptGraph, nodes: tuple[Place, ...], relevance: NDArray[np.floating]
) -> Iterator[tuple[tuple[int, float], ...]]:
    """Yield what each node has from others; a top layer has all from the output."""
    fed = {lower for _, lower in graph.edges}
    for (layer, channel), own in zip(nodes, relevance.tolist(), strict=True):
        found = [
            (place, float(graph.edges[upper, layer][0, 0, c, channel]))
            for place, (upper, c) in enumerate(nodes)
            if (upper, layer) in graph.edges
        ]
        found = found if layer in fed else [(-1, own)]
        yield tuple(sorted(found, key=lambda edge: -abs(edge[1])))


def _followed(corpus: Corpus, target: str) -> FollowedSample:
    """Follow a target at one position."""
    action, size = VALUE, corpus.size
    if target != "value":
        action = int(actions_of_squares(parse_square(target, size), size=size))
    legal = torch.from_numpy(legal_actions(corpus.own, corpus.opponent, size=size))
    ends = torch.tensor([action]), torch.tensor([NOTHING])
    return FollowedSample(np.arange(1), corpus, boards_of(corpus), legal, *ends)
