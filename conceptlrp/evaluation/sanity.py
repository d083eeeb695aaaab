"""Sanity checks: randomised layers, and two sums that relevance must keep.

Layers get random weights one after the other, in the order in which they run, from
the output down or from the input up, and heatmaps are compared with those of the
trained network. Three traps of the usual test are avoided (Hedström et al., "Sanity
Checks Revisited", 2024): empty squares are left out, being zero in both maps; every
layer has a seed of its own; and relevance starts as 1, as otherwise a map that only
changes its sign with the output would seem to change.

What starts at a target arrives at the input but for what biases and stabilizers
absorb, and the conditional heatmaps of a layer's channels add up to the heatmap of the
whole layer.

Shapes use N positions, L layers or operations, S squares in a row and C channels.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import fx

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.evaluation.sample import Sample
from conceptlrp.labelling.networks import randomize, with_weights_of
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, channel_rows
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.probing import explain_boards, forward, starts_of
from conceptlrp.statistics.estimates import estimate, known_mean, rank_correlation

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
        return np.asarray(self.size - self.null)

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
    seeds: Sequence[int] = (0, 1, 2),
) -> Randomization:
    """Give the layers of a network random weights, one after the other.

    See Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    if order not in CASCADES:
        msg = f"unknown cascade '{order}', expected one of {', '.join(CASCADES)}"
        raise ValueError(msg)
    actions = sample.best[:, None]
    trained = explain_boards(explainer, sample.boards, actions).one_hot[:, 0]
    layers = path_to_output(explainer.network)
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


def path_to_output(network: fx.GraphModule) -> tuple[str, ...]:
    """Return the layers that the policy depends on, in the order in which they run."""
    output = next(node for node in network.graph.nodes if node.op == "output")
    pending, reached = [output.all_input_nodes[0]], set()
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


def _null(occupied: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the mean size (N,) of rho between random maps on the same discs."""
    generator, sizes = np.random.default_rng(0), []
    for _ in range(32):
        one, other = generator.random((2, *occupied.shape))
        sizes.append(np.abs(rank_correlation(one, other, occupied)))
    return known_mean(np.array(sizes))


@dataclass(frozen=True)
class ConservationReport:
    """What becomes of relevance on its way down, as shares of the target.

    ``operations`` redistribute it, from the input upwards; ``bias`` and ``stabilizer``
    (L, N) are what each absorbs, ``arrived`` (N,) is what arrives at the input.
    """

    operations: tuple[str, ...]
    bias: NDArray[Any]
    stabilizer: NDArray[Any]
    arrived: NDArray[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return medians over positions, ready for JSON."""
        bias, stabilizer = (np.median(a, axis=1) for a in (self.bias, self.stabilizer))
        layers = {
            name: {"bias": float(b), "stabilizer": float(s)}
            for name, b, s in zip(self.operations, bias, stabilizer, strict=True)
        }
        return {"arrived": float(np.median(self.arrived)), "layers": layers}


def conservation_of(explainer: Explainer, sample: Sample) -> ConservationReport | None:
    """Follow relevance from the outputs to the input.

    None for a composite without rules, or one that needs zennit's hooks.
    """
    try:
        found = explainer.conservation(sample.corpus, targets=["best"])
    except (CompositeError, NetworkError):
        return None
    started = sample.outputs.of(sample.best).astype(np.float64)
    kept = started != 0
    bias, stabilizer = (
        part[:, kept, 0] / started[kept] for part in (found.bias, found.stabilizer)
    )
    arrived = 1 - (bias + stabilizer).sum(axis=0)
    return ConservationReport(found.operations, bias, stabilizer, arrived)


def additivity_errors(
    explainer: Explainer, sample: Sample, *, batch_size: int = 32
) -> dict[str, NDArray[Any]]:
    """Compare the sum of a layer's conditional heatmaps with the layer's heatmap.

    Of every layer it is the largest difference (N,) at a square, by the largest value
    of the layer's heatmap; 0 where both are zero.
    """
    parts: dict[str, list[NDArray[Any]]] = {layer: [] for layer in explainer.layers}
    for first in range(0, len(sample), batch_size):
        rows = slice(first, first + batch_size)
        with forward(explainer, sample.boards[rows]) as passed:
            _, relevance = passed.relevance(starts_of(passed, sample.best[rows, None]))
            wanted = {
                layer: channel_rows(layer, None, passed.features[layer])
                for layer in explainer.layers
            }
            maps, _ = passed.conditional(relevance, wanted)
            for layer in explainer.layers:
                whole, _ = passed.relevance({layer: relevance[layer]})
                error = _relative_error(maps[layer].sum(2), whole.sum(2))
                parts[layer].append(as_array(error))
    return {layer: np.concatenate(found) for layer, found in parts.items()}


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    difference = (found - expected).abs().flatten(1).amax(1)
    size = expected.abs().flatten(1).amax(1)
    return torch.where(difference > 0, difference / size, torch.zeros_like(size))
