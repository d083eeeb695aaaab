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
from numpy.typing import ArrayLike, NDArray
from torch import fx

from conceptlrp.evaluation.sample import Sample
from conceptlrp.labelling.random_networks import randomize, with_weights_of
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.probing import VALUE, explain_boards
from conceptlrp.statistics.estimates import estimate, known_mean
from conceptlrp.statistics.similarity import rank_correlation

CASCADES: Final = ("top-down", "bottom-up")


@dataclass(frozen=True)
class Randomization:
    """Rank correlation with the trained network's heatmaps, layer by layer.

    Each of the layers loses its weights besides all those before it; ``rho`` (L, N) is
    Spearman's on the discs, nan for constant maps, ``size`` (L, N) its absolute value,
    both means over seeds, and ``null`` (N,) the mean size for random maps.
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
        means = {"rho": self.rho, "excess": self.excess}
        return {"cascade": self.cascade, "layers": list(self.layers)} | {
            name: [estimate(row, games).to_dict() for row in rows]
            for name, rows in means.items()
        }


def cascade(
    explainer: Explainer,
    sample: Sample,
    *,
    order: str = "top-down",
    target: str = "best",
    seeds: Sequence[int] = (0, 1, 2),
) -> Randomization:
    """Give the layers of a network random weights, one after the other.

    See Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
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
        rho=known_mean(found),
        size=known_mean(np.abs(found)),
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
        # A seed of its own for each layer, or equal layers would get equal weights.
        randomize(network, layer, seed=1000 * seed + number)
        changed = with_weights_of(explainer, network)
        yield explain_boards(changed, sample.boards, actions).one_hot[:, 0]


def _null(occupied: NDArray[np.bool_], draws: int = 32) -> NDArray[Any]:
    """Return the mean size (N,) of rho between random maps on the same discs."""
    generator = np.random.default_rng(0)
    sizes = []
    for _ in range(draws):
        one, other = generator.random((2, *occupied.shape))
        sizes.append(np.abs(rank_correlation(one, other, occupied)))
    return known_mean(np.array(sizes))
