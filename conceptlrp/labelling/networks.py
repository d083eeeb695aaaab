"""The network of a store and others with random weights: what channels are scored by.

Shapes use N positions, M of them with maps, C channels and n x n squares.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from conceptlrp.labelling.channel_name import FEATURE_MAP, MAP
from conceptlrp.lrp import Baseline, Explainer, mean_baseline
from conceptlrp.lrp.backends import make_propagation
from conceptlrp.lrp.batch import batches
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.probing import planes_of
from conceptlrp.lrp.targets import Target
from conceptlrp.othello import Corpus
from conceptlrp.progress import OnProgress
from conceptlrp.runs.job import TaskPart
from conceptlrp.runs.options import RunOptions
from conceptlrp.runs.parts import OnRows
from conceptlrp.runs.stages import spread
from conceptlrp.store import Store

_MEMORY: Final = 1 << 29
_BATCH: Final = 64
_MAP_BYTES: Final = 1 << 29
# Where the largest value of the first maps lies, of the 65504 that float16 has.
_SCALE: Final = 1000.0
_LIMIT: Final = float(np.finfo(np.float16).max)

Tables = dict[str, dict[str, NDArray[Any]]]


def randomize(network: nn.Module, layer: str, *, seed: int) -> None:
    """Draw a layer's weights anew, normal and as large as they were, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.get_submodule(layer).parameters():
            # As large as trained weights, so that activations stay in their range.
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise * float(tensor.square().mean().sqrt()))


def random_network(explainer: Explainer, *, seed: int = 0) -> Explainer:
    """Return an explainer of a copy of its network with every layer random."""
    network = copy.deepcopy(explainer.network)
    for number, node in enumerate(linear_nodes(network)):
        randomize(network, str(node.target), seed=1000 * seed + number)
    return with_weights_of(explainer, network)


def above_own_mean(explainer: Explainer, store: Store) -> Explainer:
    """Give an explainer the mean of its own network, where the store's is a mean."""
    made = store.manifest.baseline
    if made.get("kind") == "mean":
        # One that came from elsewhere is of positions that the store does not know.
        explainer.baseline = mean_baseline(
            explainer,
            store.positions[: made.get("of")],
            n_positions=made["positions"],
            seed=made["seed"],
        )
    return explainer


def with_weights_of(explainer: Explainer, network: fx.GraphModule) -> Explainer:
    """Return an explainer of a copy of its network that has other weights."""
    changed = copy.copy(explainer)
    changed.network = network
    # It is traced and free of batch norms already: only rules are made ready again.
    changed.propagation = make_propagation(
        network,
        explainer.composites,
        explainer.taps,
        planes_of(explainer, np.zeros((1, explainer.size, explainer.size), np.int8)),
        memory_budget=_MEMORY,
        allow_gradient=bool(explainer.gradients),
    )
    return changed


@dataclass(frozen=True, eq=False)
class Networks:
    """The network of a store, and networks of its shape with random weights.

    The store's explainer comes first. ``rows`` (N,) of the store are scored, which are
    the positions of the corpus; the ``mapped`` (M,) of them have maps.
    """

    store: Store
    explainers: tuple[Explainer, ...]
    target: int
    rows: NDArray[np.int64]
    corpus: Corpus
    mapped: NDArray[np.int64]
    run: RunOptions | None = None

    @property
    def target_name(self) -> str:
        """Name of the explained output."""
        return self.store.targets[self.target]

    @cached_property
    def explained(self) -> Target:
        """What all networks explain: where it is a move, that of the store's."""
        named = Target.parse(self.target_name, self.corpus.size)
        return named.fixed(self.corpus, self.store.arrays.logits(rows=self.rows))

    def values(self, on_progress: OnProgress) -> list[Tables]:
        """Return relevance and activation of every network and layer, (N, C) each.

        Those of the store's network are read from the store.
        """
        random = self.explainers[1:]
        above = [each.baseline_for(None).take(self.rows) for each in random]

        work = partial(_summed, random, above, self.corpus, self.explained)
        about = [len(self.rows)] * len(random), "random networks", self.run
        return [self._stored(), *spread(work, *about, on_progress)]

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Yield layers whose maps fit into memory together."""
        squares = self.corpus.size**2
        # Two measures in float16.
        each = 4 * len(self.explainers) * len(self.mapped) * squares
        group: list[str] = []
        room = _MAP_BYTES
        for layer in self.explainers[0].layers:
            needed = each * self.store.channels(layer)
            if group and needed > room:
                yield tuple(group)
                group, room = [], _MAP_BYTES
            group.append(layer)
            room -= needed
        yield tuple(group)

    def maps(self, layers: tuple[str, ...], on_progress: OnProgress) -> list[Tables]:
        """Return maps of every network and layer, (M, C, n, n) each, by measure."""
        every, mapped = self.explainers, self.mapped
        wanted = {n: np.arange(self.store.channels(n)) for n in layers}
        above = [each.baseline_for(None).take(self.rows[mapped]) for each in every]
        corpus, target = self.corpus[mapped], self.explained.take(mapped)
        work = partial(_maps, every, above, corpus, target, wanted)
        about = [len(corpus)] * len(every), f"maps of {', '.join(layers)}", self.run
        return spread(work, *about, on_progress)

    def _stored(self) -> Tables:
        arrays, rows, target = self.store.arrays, self.rows, self.target
        return {
            layer: {
                "relevance": arrays.relevance(layer, rows=rows, target=target),
                "activation": arrays.activation(layer, rows=rows),
            }
            for layer in self.explainers[0].layers
        }


def _summed(
    explainers: Sequence[Explainer],
    baselines: Sequence[Baseline],
    corpus: Corpus,
    target: Target,
    network: TaskPart,
    on_rows: OnRows,
) -> Tables:
    parts = []
    explainer, above = explainers[network.index], baselines[network.index]
    for rows in batches(len(corpus), _BATCH):
        batch, part, asked = corpus[rows], above.take(rows), target.take(rows)
        parts.append(explainer.summarize(batch, targets=[asked], baseline=part))
        on_rows(len(batch))
    return {
        layer: {
            "relevance": np.concatenate([p.relevance[layer][:, 0] for p in parts]),
            "activation": np.concatenate([p.activation[layer] for p in parts]),
        }
        for layer in explainer.layers
    }


def _maps(
    explainers: Sequence[Explainer],
    baselines: Sequence[Baseline],
    corpus: Corpus,
    target: Target,
    channels: dict[str, NDArray[np.int64]],
    network: TaskPart,
    on_rows: OnRows,
) -> Tables:
    """Return maps of all channels, each layer in a unit of its own, to 11 bits."""
    explainer, above = explainers[network.index], baselines[network.index]
    found: Tables = {}
    scale: dict[tuple[str, str], float] = {}
    for rows in batches(len(corpus), _BATCH):
        batch, own = corpus[rows], above.take(rows)
        explained = explainer.attribute(
            batch, targets=[target.take(rows)], conditional=channels, baseline=own
        )
        for layer, relevance in explained.conditional.items():
            fired = on_board(explained.activation[layer], corpus.size)
            parts = {MAP: np.abs(relevance[:, 0])}
            parts |= {} if fired is None else {FEATURE_MAP: fired}
            for name, part in parts.items():
                largest = float(np.abs(part).max(initial=0)) or 1.0
                unit = scale.setdefault((layer, name), _SCALE / largest)
                tables = found.setdefault(layer, {})
                if name not in tables:
                    tables[name] = np.empty((len(corpus), *part.shape[1:]), np.float16)
                tables[name][rows] = np.clip(part * unit, -_LIMIT, _LIMIT)
        on_rows(len(batch))
    return found


def on_board(maps: NDArray[Any], size: int) -> NDArray[Any] | None:
    """Lay maps (N, C, H, W) on the board, rims 0; None where they have no middle."""
    height, width = maps.shape[2:]
    rim, odd = divmod(size - height, 2)
    if height != width or height == 1 or rim < 0 or odd:
        return None
    return np.pad(maps, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
