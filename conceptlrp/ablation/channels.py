"""Effect of channels on policy and value: each is ablated alone.

Relevance says what a channel contributes by the rules of a composite; ablation says
what the outputs lose without it, whatever the composite. The rest of the network
runs from the ablated map alone, as many ablations at a time as memory allows.

Shapes use N positions and C channels of an H x W map.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Final

import numpy as np
import torch
from torch import Tensor

from conceptlrp.ablation.result import Ablation
from conceptlrp.ablation.sample import (
    NOT_NATIVE,
    FollowedSample,
    check_ablation,
    follow_sample,
    same_ply_donors,
)
from conceptlrp.ablation.tally import Block, LayerTally
from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.inputs import AnyNetwork, checked_network
from conceptlrp.lrp.probing import Boards, forward
from conceptlrp.lrp.store_explainer import check_network
from conceptlrp.progress import OnProgress
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore

_MEMORY: Final = 1 << 26
_MOST_ROWS: Final = 256


def ablate(
    store: AnyStore,
    network: AnyNetwork,
    *,
    target: int | str = 0,
    layers: Sequence[str] | None = None,
    n_positions: int = 500,
    ablation: str = "mean",
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Ablation:
    """Ablate every channel alone and measure what the outputs lose.

    Each channel has a control: at every position other channels of the layer are
    ablated, in random order, until their change is as large (L2 norm over the
    layer) as that of the channel, and scaled down to be exactly as large. Where
    ablation changes a map a lot, outputs change a lot for that reason alone, so a
    channel matters only if it does more than its control. Such *partial ablations of
    real channels* lie between maps that the network has and what replaces them, so
    they do not measure how it fails elsewhere [1]_. The alternatives do, and are too
    easy to beat: on the shipped network the change itself put onto another map does
    6 to 24 % less than the average channel, noise of the same size up to 30 % less
    while a third of the values turn negative; this control does 2 to 8 % more. To
    ablate other units beside those in question is the control of [2]_.

    Parameters
    ----------
    store : Store or path
        Where positions, targets and layers come from.
    network : Module or path
        The network that the store explains, in evaluation mode.
    target : int or str
        Index or name of the explained output; moves stay those of the store.
    layers : sequence of str, optional
        Layers to ablate; those of the store by default.
    n_positions : int
        Positions at most. Each is of another game as far as games suffice, from
        any phase.
    ablation : str
        What a channel becomes: "zero", its "mean" over the positions square by
        square, or its map at another position with as many discs ("resample").
    seed : int
        The same seed gives the same numbers.
    save : bool
        Keep the result in the store.
    overwrite : bool
        Replace the result for the same target that the store has.
    on_progress : callable, optional
        Called with "ablate", how many positions are done and how many there are.

    Returns
    -------
    Ablation
        Means with 95 % intervals, from 1,000 bootstrap draws of games. A channel
        that ablation leaves as it is has no effect at all, and neither has its
        control. Memory grows with N C numbers, not with maps.

    Raises
    ------
    NetworkError
        When it is another network, or one that only zennit's hooks can explain.
    OutputExistsError
        When the store has a result for this target that must not be replaced.
    TargetError
        When the target is no output of the network.
    ValueError
        For an unknown ablation or fewer than two positions.

    References
    ----------
    .. [1] Blücher et al., "Decoupling pixel flipping and occlusion strategy for
       consistent XAI benchmarks", TMLR 2024: occluded samples should stay within
       the scope of the model.
    .. [2] arXiv:2511.00059: neurons of OthelloGPT that follow rules, ablated
       against control neurons.
    """
    store, network = open_store(store), checked_network(network)
    check_ablation(ablation)
    digest = check_network(store, network)
    if save:
        store.results.check_free(Ablation, target=target, overwrite=overwrite)
    explainer = Explainer(network, layers=layers or store.layers)
    sample = follow_sample(
        store,
        target=target,
        n_positions=n_positions,
        seed=seed,
        device=explainer.device,
    )
    tallies = tally_effects(
        explainer, sample, ablation=ablation, seed=seed, on_progress=on_progress
    )
    found = Ablation(
        target=store.targets[store.target_index(target)],
        ablation=ablation,
        positions=len(sample),
        seed=seed,
        layers={tally.layer: tally.result() for tally in tallies},
        network=digest,
        corpus=str(store.manifest.corpus.get("digest", "")),
    )
    if save:
        store.results.save(found, overwrite=overwrite)
    return found


def tally_effects(
    explainer: Explainer,
    sample: FollowedSample,
    *,
    ablation: str = "mean",
    seed: int = 0,
    rows_at_once: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[LayerTally]:
    """Ablate every channel of an explainer's layers at the positions of a sample."""
    propagation = explainer.propagation
    if not isinstance(propagation, NativePropagation):
        raise NetworkError(NOT_NATIVE)
    step = rows_at_once or _rows_at_once(propagation)
    instead = _replacements(explainer, sample, ablation, seed)
    tallies = [
        LayerTally(sample, layer, number, shape["channels"], seed)
        for number, (layer, shape) in enumerate(explainer.shapes.items())
    ]
    for first in range(0, len(sample), step):
        block = range(first, min(first + step, len(sample)))
        others = instead(block)
        with forward(explainer, sample.boards[block.start : block.stop]) as passed:
            assert isinstance(passed, NativePassed)
            for tally in tallies:
                tally.add(Block(sample, passed, block), others[tally.layer], step)
        if on_progress is not None:
            on_progress("ablate", block.stop, len(sample))
    return tallies


def _rows_at_once(propagation: NativePropagation) -> int:
    """Return how many ablations fit: each keeps the output of every operation."""
    values = sum(prod(shape) for shape in propagation.engine.shapes.values())
    return int(np.clip(_MEMORY // (4 * values), 1, _MOST_ROWS))


def _replacements(
    explainer: Explainer, sample: FollowedSample, ablation: str, seed: int
) -> Callable[[range], dict[str, Tensor]]:
    """Return what gives the maps (N or 1, C, H, W) that replace those of positions."""
    if ablation == "resample":
        donors = same_ply_donors(sample.corpus, seed=seed)
        return lambda block: _maps(explainer, sample.boards[donors[list(block)]])
    means = _mean_maps(explainer, sample)
    if ablation == "zero":
        means = {layer: torch.zeros_like(mean) for layer, mean in means.items()}
    return lambda _: means


def _maps(explainer: Explainer, boards: Boards) -> dict[str, Tensor]:
    with forward(explainer, boards) as passed:
        return dict(passed.features)


def _mean_maps(explainer: Explainer, sample: FollowedSample) -> dict[str, Tensor]:
    """Return the mean of every map over all positions, (1, C, H, W)."""
    totals: dict[str, Tensor] = {}
    for first in range(0, len(sample), _MOST_ROWS):
        maps = _maps(explainer, sample.boards[first : first + _MOST_ROWS])
        for layer, found in maps.items():
            total = found.sum(0, keepdim=True, dtype=torch.float64)
            totals[layer] = totals[layer] + total if layer in totals else total
    return {n: (t / len(sample)).to(explainer.dtype) for n, t in totals.items()}
