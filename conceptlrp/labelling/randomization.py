"""Cascading randomisation: what is left of a heatmap as layers lose their weights.

Layers get random weights one after the other, in the order in which they run, from
the output down or from the input up, and heatmaps are compared with those of the
trained network. Three traps of the usual test are avoided (Hedström et al., "Sanity
Checks Revisited", 2024): empty squares are left out, being zero in both maps; every
layer has a seed of its own; and relevance starts as 1, as otherwise a map that only
changes its sign with the output would seem to change.

Shapes use N positions, L layers and S squares in a row.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import fx, nn

from conceptlrp.ablation.probing import VALUE, explain_boards, planes_of
from conceptlrp.ablation.sampling import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.presets import GRADIENT
from conceptlrp.lrp.propagation import make_propagation
from conceptlrp.statistics.estimates import Estimate, estimate
from conceptlrp.statistics.similarity import rank_correlation

CASCADES: Final = ("top-down", "bottom-up")

_MEMORY: Final = 1 << 29


@dataclass(frozen=True)
class Randomization:
    """Rank correlation with the trained network's heatmaps, layer by layer.

    Attributes
    ----------
    cascade : str
        "top-down" or "bottom-up".
    layers : tuple of str
        Layers in the order in which they lose their weights, each besides all
        those before it.
    rho : ndarray of shape (L, N)
        Spearman's rho on the discs, mean over seeds; nan for constant maps.
    size : ndarray of shape (L, N)
        Its absolute value, mean over seeds.
    null : ndarray of shape (N,)
        Mean absolute value for a random map on the same discs.
    """

    cascade: str
    layers: tuple[str, ...]
    rho: NDArray[Any]
    size: NDArray[Any]
    null: NDArray[Any]

    @property
    def excess(self) -> NDArray[Any]:
        """Size of rho beyond that of a random map, (L, N)."""
        excess: NDArray[Any] = self.size - self.null
        return excess

    def to_dict(self, games: ArrayLike) -> dict[str, Any]:
        """Return means and intervals, layer by layer, ready for JSON."""
        return {
            "cascade": self.cascade,
            "layers": list(self.layers),
            "rho": [estimate(row, games).to_dict() for row in self.rho],
            "excess": [estimate(row, games).to_dict() for row in self.excess],
        }

    def last(self, games: ArrayLike) -> tuple[Estimate, Estimate]:
        """Return rho and its excess with every layer random."""
        return estimate(self.rho[-1], games), estimate(self.excess[-1], games)


def cascade(
    explainer: Explainer,
    sample: Sample,
    *,
    order: str = "top-down",
    target: str = "best",
    seeds: Sequence[int] = (0, 1, 2),
) -> Randomization:
    """Give the layers of a network random weights, one after the other.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    if order not in CASCADES:
        msg = f"unknown cascade '{order}', expected one of {', '.join(CASCADES)}"
        raise ValueError(msg)
    actions = sample.actions(target)[:, None]
    trained = explain_boards(explainer, sample.boards, actions).one_hot[:, 0]
    layers = path_to_output(explainer.network, value=bool((actions == VALUE).any()))
    if order == "top-down":
        layers = layers[::-1]
    found = np.array(
        [
            [
                rank_correlation(trained, maps, sample.occupied)
                for maps in _randomized_maps(explainer, sample, actions, layers, seed)
            ]
            for seed in seeds
        ]
    )
    return Randomization(
        cascade=order,
        layers=layers,
        rho=_mean(found),
        size=_mean(np.abs(found)),
        null=_null(sample.occupied),
    )


def path_to_output(network: fx.GraphModule, *, value: bool = False) -> tuple[str, ...]:
    """Return the layers that an output depends on, in the order in which they run."""
    output = next(node for node in network.graph.nodes if node.op == "output")
    heads = output.all_input_nodes
    pending, reached = [heads[1] if value else heads[0]], set()
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending.extend(node.all_input_nodes)
    return tuple(str(n.target) for n in linear_nodes(network) if n in reached)


def randomize(network: nn.Module, layer: str, *, seed: int) -> None:
    """Draw a layer's weights anew, normal and as large as they were, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.get_submodule(layer).parameters():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise * float(tensor.square().mean().sqrt()))


def _randomized_maps(
    explainer: Explainer,
    sample: Sample,
    actions: NDArray[np.int64],
    layers: Sequence[str],
    seed: int,
) -> Iterator[NDArray[Any]]:
    """Yield one-hot heatmaps (N, S) after each layer that loses its weights."""
    network = copy.deepcopy(explainer.network)
    for number, layer in enumerate(layers):
        randomize(network, layer, seed=1000 * seed + number)
        changed = with_weights_of(explainer, network)
        yield explain_boards(changed, sample.boards, actions).one_hot[:, 0]


def random_network(explainer: Explainer, *, seed: int = 0) -> Explainer:
    """Return an explainer of a copy of its network with every layer random."""
    network = copy.deepcopy(explainer.network)
    for number, node in enumerate(linear_nodes(network)):
        randomize(network, str(node.target), seed=1000 * seed + number)
    return with_weights_of(explainer, network)


def with_weights_of(explainer: Explainer, network: fx.GraphModule) -> Explainer:
    """Return an explainer of a copy of its network that has other weights.

    The copy is traced and has no batch norms already, so that nothing but the rules
    has to be made ready again.
    """
    changed = copy.copy(explainer)
    changed.network = network
    changed.propagation = make_propagation(
        network,
        explainer.composite,
        explainer.taps,
        planes_of(explainer, np.zeros((1, explainer.size, explainer.size), np.int8)),
        memory_budget=_MEMORY,
        gradient=explainer.composite_name == GRADIENT,
    )
    return changed


def _null(occupied: NDArray[np.bool_], draws: int = 32) -> NDArray[Any]:
    """Return the mean size (N,) of rho between random maps on the same discs."""
    generator = np.random.default_rng(0)
    sizes = []
    for _ in range(draws):
        one, other = generator.random((2, *occupied.shape))
        sizes.append(np.abs(rank_correlation(one, other, occupied)))
    return _mean(np.array(sizes))


def _mean(values: NDArray[Any]) -> NDArray[Any]:
    """Mean over the first axis of what is known."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    mean: NDArray[Any] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
