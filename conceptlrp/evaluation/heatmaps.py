"""What heatmaps depend on, and what they should agree with.

Rules that only keep positive parts draw nearly the same picture of a board, whatever
is explained (Sixt et al., "When Explanations Lie", ICML 2020). Two measures show it:
the cosine of the heatmaps of two moves, and that of the heatmaps of two channels.
Agreement of turned boards, of the two heads, and of composites is described, not
judged: a network need not treat turned boards alike, and its heads need not look at the
same discs.

Layers get random weights one after the other, in the order in which they run, from
the output down or from the input up, and heatmaps are compared with those of the
trained network. Three traps of the usual test are avoided (Hedström et al., "Sanity
Checks Revisited", 2024): empty squares are left out, being zero in both maps; every
layer has a seed of its own; and relevance starts as 1, as otherwise a map that only
changes its sign with the output would seem to change.

What starts at a target arrives at the input but for what biases and stabilizers
absorb, and the conditional heatmaps of a layer's channels add up to the heatmap of the
whole layer.

Shapes use N positions, L layers or operations, S squares in a row, C channels, K maps
and n x n squares.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import fx

from conceptlrp.errors import CompositeError, NetworkError, check_known
from conceptlrp.evaluation.result import HeatmapAgreement
from conceptlrp.evaluation.sample import Sample
from conceptlrp.labelling.networks import randomize, with_weights_of
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, batches, channel_rows
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.probing import (
    Relevance,
    ask,
    best_actions,
    explain_boards,
    forward,
    starts_of,
)
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello.symmetry import inverse, turn_maps, turn_squares
from conceptlrp.statistics.estimates import (
    cosine,
    estimate,
    known_mean,
    rank_correlation,
    ratio,
)

Array = NDArray[Any]


def random_logit_cosine(relevance: Relevance) -> Array:
    """Return the cosine (N,) of the heatmaps of two legal moves of one board."""
    maps = relevance.one_hot
    return cosine(maps[:, 0], maps[:, 1])


def channel_cosines(
    explainer: Explainer, sample: Sample, relevance: Relevance, *, n_channels: int = 4
) -> dict[str, Array]:
    """Return how alike (N,) the conditional heatmaps of one board's channels are."""
    # The channels that matter most to a move should differ, if any do.
    chosen = {
        layer: np.argsort(-np.abs(r[:, 0]), axis=1, kind="stable")[:, :n_channels]
        for layer, r in relevance.channels.items()
    }
    found = explain_boards(
        explainer,
        sample.boards,
        sample.best[:, None],
        conditional=chosen,
        batch_size=32,
    )
    return {
        layer: mean_pair_cosine(maps[:, 0].reshape(*maps.shape[:1], maps.shape[2], -1))
        for layer, maps in found.conditional.items()
    }


def mean_pair_cosine(maps: Array) -> Array:
    """Return the mean size (N,) of the cosine over pairs of maps (N, K, S)."""
    pairs = list(combinations(range(maps.shape[1]), 2))
    if not pairs:
        return np.full(len(maps), np.nan)
    return known_mean(np.abs([cosine(maps[:, i], maps[:, j]) for i, j in pairs]))


def empty_board_share(
    explainer: Explainer, sample: Sample, relevance: Relevance
) -> tuple[Array, Array]:
    """Compute how much of each move's heatmap is there without a single disc.

    What the network draws for the same move on the empty board comes from its biases
    alone; only rules that give relevance to empty squares draw anything there. Returns
    the squared cosine (N,) of both heatmaps, 0 where the empty board has none, and the
    size (N,) of the empty board's heatmap by that of the board's.
    """
    actions, row = np.unique(sample.best, return_inverse=True)
    empty = np.zeros((len(actions), *sample.boards.shape[1:]), np.int8)
    baseline = explain_boards(explainer, empty, actions[:, None]).heatmap[:, 0]
    base = baseline.reshape(len(actions), -1)[row].astype(np.float64)
    maps = relevance.heatmap[:, 0].reshape(len(sample), -1).astype(np.float64)
    sizes = np.abs(base).sum(axis=1), np.abs(maps).sum(axis=1)
    return np.nan_to_num(cosine(base, maps)) ** 2, np.nan_to_num(ratio(*sizes))


def empty_square_share(sample: Sample, heatmaps: Array) -> Array:
    """Return the share (N,) of the size of heatmaps (N, S) that is on empty squares."""
    size = np.abs(heatmaps)
    return ratio(np.where(sample.occupied, 0, size).sum(axis=1), size.sum(axis=1))


def symmetry_consistency(
    explainer: Explainer, sample: Sample, relevance: Relevance
) -> dict[str, Array]:
    """Return means (N,) over turned boards: cosine of heatmaps, same best move."""
    cosines, moves = [], []
    original = relevance.one_hot[:, 0]
    for s in range(1, 8):
        turned = turned_sample(sample, s)
        found = explain_boards(explainer, turned.boards, turned.best[:, None])
        boards = found.one_hot[:, 0].reshape(sample.boards.shape)
        back = turn_maps(boards, int(inverse(s))).reshape(len(sample), -1)
        chosen = best_actions(ask(explainer, turned.boards).logits, turned.legal)
        cosines.append(cosine(original, back))
        moves.append(chosen == turned.best)
    return {
        "symmetry_cosine": np.mean(cosines, axis=0),
        "symmetry_moves": np.mean(moves, axis=0),
    }


def turned_sample(sample: Sample, s: int) -> Sample:
    """Turn positions and the moves that are explained, but not their outputs."""
    corpus, size = sample.corpus.turned_by(s), sample.corpus.size
    best, other = (
        actions_of_squares(
            turn_squares(squares_of_actions(actions, size=size), s), size=size
        )
        for actions in (sample.best, sample.other)
    )
    legal = legal_actions(corpus.own, corpus.opponent, size=size)
    return replace(
        sample,
        corpus=corpus,
        boards=turn_maps(sample.boards, s),
        legal=legal[:, : sample.legal.shape[1]],
        best=best,
        other=other,
    )


def policy_against_value(relevance: Relevance) -> dict[str, Array]:
    """Return cosines (N,) of the maps of move (0) and value (2), input and by layer."""
    maps = relevance.one_hot
    found = {"input": cosine(maps[:, 0], maps[:, 2])}
    sign = np.sign(relevance.explained[:, 0] * relevance.explained[:, 2])
    for layer, channels in relevance.channels.items():
        found[layer] = sign * cosine(channels[:, 0], channels[:, 2])
    return found


def composite_agreement(
    heatmaps: Mapping[str, Array], within: NDArray[np.bool_]
) -> tuple[HeatmapAgreement, ...]:
    """Compare the heatmaps (N, S) of every two composites."""
    found = []
    for one, other in combinations(heatmaps, 2):
        maps = heatmaps[one], heatmaps[other]
        measured = cosine(*maps), rank_correlation(*maps, within)
        means = (float(known_mean(values)) for values in measured)
        found.append(HeatmapAgreement(one, other, *means))
    return tuple(found)


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
    """Give layers random weights one after the other (Adebayo et al., NeurIPS 2018)."""
    check_known("cascade", order, CASCADES)
    actions = sample.best[:, None]
    trained = explain_boards(explainer, sample.boards, actions).one_hot[:, 0]
    layers = path_to_output(explainer.network)
    if order == "top-down":
        layers = layers[::-1]
    maps = (
        each
        for seed in seeds
        for each in _randomized_maps(explainer, sample, actions, layers, seed)
    )
    rho = np.array([rank_correlation(trained, m, sample.occupied) for m in maps])
    rho = rho.reshape(len(seeds), len(layers), -1)
    means = known_mean(rho), known_mean(np.abs(rho))
    return Randomization(order, layers, *means, _null(sample.occupied))


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
    """Follow relevance to the input; None without rules, or where hooks are needed."""
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
    """Return the largest relative error (N,) of summed channels' heatmaps by layer."""
    parts: dict[str, list[NDArray[Any]]] = {layer: [] for layer in explainer.layers}
    for rows in batches(len(sample), batch_size):
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
