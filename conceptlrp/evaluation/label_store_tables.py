"""What channels of a store are scored by: relevance, activation, conditional maps.

Shapes use N positions, M of them with maps, C channels and n x n squares.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.evaluation.randomization import random_network
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.networks import network_digest
from conceptlrp.othello import Corpus
from conceptlrp.store import Store

OnProgress = Callable[[str, int, int], None]
#: The measure of maps: their size, which says where a channel looks.
MAP: Final = "map"

Tables = dict[str, dict[str, NDArray[Any]]]

_BATCH: Final = 64
_MAP_BYTES: Final = 1 << 29
# Where the largest value of the first maps lies, of the 65504 that float16 has.
_SCALE: Final = 1000.0


@dataclass(frozen=True, eq=False)
class Networks:
    """The network of a store, and networks of its shape with random weights.

    Attributes
    ----------
    store : Store
        The store.
    explainers : tuple of Explainer
        Of the store's network, then of the random ones.
    target : int
        Index of the explained output.
    rows : int64 array of shape (N,)
        The scored positions.
    corpus : Corpus
        The same positions.
    mapped : int64 array of shape (M,)
        Which of the N positions have maps.
    """

    store: Store
    explainers: tuple[Explainer, ...]
    target: int
    rows: NDArray[np.int64]
    corpus: Corpus
    mapped: NDArray[np.int64]

    @property
    def target_name(self) -> str:
        """Name of the explained output."""
        return self.store.targets[self.target]

    def values(self, on_progress: OnProgress) -> list[Tables]:
        """Return relevance and activation of every network and layer, (N, C) each.

        Those of the store's network are read from the store.
        """
        found = [self._stored()]
        for number, explainer in enumerate(self.explainers[1:], 1):
            found.append(_summed(explainer, self.corpus, self.target_name))
            on_progress("random networks", number, len(self.explainers) - 1)
        return found

    def groups(self) -> Iterator[tuple[str, ...]]:
        """Yield layers whose maps fit into memory together."""
        squares = self.corpus.size**2
        each = 2 * len(self.explainers) * len(self.mapped) * squares
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

    def maps(
        self, layers: tuple[str, ...], on_progress: OnProgress
    ) -> list[dict[str, NDArray[np.float16]]]:
        """Return sizes of conditional maps of every network, (M, C, n, n) a layer."""
        stage = f"maps of {', '.join(layers)}"
        found = []
        for number, explainer in enumerate(self.explainers, 1):
            wanted = {n: np.arange(self.store.channels(n)) for n in layers}
            corpus = self.corpus[self.mapped]
            found.append(_maps(explainer, corpus, self.target_name, wanted))
            on_progress(stage, number, len(self.explainers))
        return found

    def _stored(self) -> Tables:
        store, rows = self.store, self.rows
        return {
            layer: {
                "relevance": store.relevance(layer, rows=rows, target=self.target),
                "activation": store.activation(layer, rows=rows),
            }
            for layer in self.explainers[0].layers
        }


def store_explainer(
    store: Store, network: nn.Module, layers: Sequence[str] | None
) -> Explainer:
    """Make the network of a store ready to be explained as it was for the store.

    Parameters
    ----------
    store : Store
        The store.
    network : Module
        Its network, in evaluation mode.
    layers : sequence of str, optional
        Layers of the store; all of them by default.

    Raises
    ------
    NetworkError
        When it is another network.
    CompositeError
        When the store was computed with a composite that has no name.
    """
    found, expected = network_digest(network), str(store.manifest.network["digest"])
    if found != expected:
        msg = (
            f"the network is {found[:12]}, the store explains {expected[:12]}; pass "
            "the network it was made with"
        )
        raise NetworkError(msg)
    name = str(store.manifest.composite.get("name"))
    if name not in COMPOSITES:
        msg = (
            f"{store.path}: computed with the composite '{name}', expected one of "
            f"{', '.join(COMPOSITES)} to score labels again by"
        )
        raise CompositeError(msg)
    for layer in layers or ():
        store.channels(layer)
    return Explainer(network, composite=name, layers=layers or store.layers)


def random_explainers(
    explainer: Explainer, number: int, *, seed: int
) -> list[Explainer]:
    """Return explainers of networks of the same shape with random weights.

    Parameters
    ----------
    explainer : Explainer
        Of the trained network.
    number : int
        How many.
    seed : int
        The same seed draws the same weights.
    """
    return [random_network(explainer, seed=seed * number + i) for i in range(number)]


def _summed(explainer: Explainer, corpus: Corpus, target: str) -> Tables:
    parts = []
    for first in range(0, len(corpus), _BATCH):
        batch = corpus[first : first + _BATCH]
        parts.append(explainer.summarize(batch, targets=[target]))
    return {
        layer: {
            "relevance": np.concatenate([p.relevance[layer][:, 0] for p in parts]),
            "activation": np.concatenate([p.activation[layer] for p in parts]),
        }
        for layer in explainer.layers
    }


def _maps(
    explainer: Explainer,
    corpus: Corpus,
    target: str,
    channels: dict[str, NDArray[np.int64]],
) -> dict[str, NDArray[np.float16]]:
    """Return sizes of maps of all channels, each layer in a unit of its own.

    Only their order counts and what part of a map lies where, so that 11 bits do.
    """
    size = (corpus.size, corpus.size)
    found = {
        layer: np.empty((len(corpus), len(each), *size), np.float16)
        for layer, each in channels.items()
    }
    scale: dict[str, float] = {}
    for first in range(0, len(corpus), _BATCH):
        batch = corpus[first : first + _BATCH]
        explained = explainer.attribute(batch, targets=[target], conditional=channels)
        for layer, maps in explained.conditional.items():
            sizes = np.abs(maps[:, 0])
            largest = float(sizes.max(initial=0)) or 1.0
            unit = scale.setdefault(layer, _SCALE / largest)
            limit = float(np.finfo(np.float16).max)
            found[layer][first : first + _BATCH] = np.minimum(sizes * unit, limit)
    return found
