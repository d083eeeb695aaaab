"""Effect of channels on policy and value: each is ablated alone.

Relevance says what a channel contributes by the rules of a composite; ablation says
what the outputs lose without it, whatever the composite. Only what lies above the
layer runs again, as many ablations at a time as memory allows.

Shapes use N positions, n of them in a block, M pairs of a position of the block and
a channel, C channels of an H x W map, and A actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from conceptlrp.ablation.result import Ablation, Array, LayerEffects
from conceptlrp.ablation.sample import (
    ABLATIONS,
    FollowedSample,
    follow_sample,
    replacements,
)
from conceptlrp.errors import check_known
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.backends import Passed
from conceptlrp.lrp.engine.native import Change
from conceptlrp.lrp.experiments import fitting_rows
from conceptlrp.lrp.one_call import check_explains
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.progress import OnProgress
from conceptlrp.runs.job import TaskPart
from conceptlrp.runs.options import RunOptions
from conceptlrp.runs.parts import OnRows
from conceptlrp.runs.stages import spread
from conceptlrp.statistics.estimates import estimates, ratio
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore

# Positions of a part: few enough for several workers to have some of 500.
_BLOCK = 64


@dataclass(frozen=True)
class Changes:
    """Outputs before less those after a change: (M,), logits (M, A), new ``best``."""

    explained: Tensor
    value: Tensor
    logits: Tensor
    best: Tensor


@dataclass(frozen=True)
class Block:
    """Positions of a sample with their ``numbers`` in the whole, passed forward."""

    sample: FollowedSample
    passed: Passed
    numbers: range

    def changes(self, layer: str, change: Change, rows: Tensor) -> Changes:
        """Run what follows from a change of a layer at rows (M,)."""
        before = {name: out[rows] for name, out in self.passed.outputs.items()}
        outputs = [before, self.passed.run_with({layer: change}, rows)]
        values = [_value(found) for found in outputs]
        logits = [found["policy"] for found in outputs]
        legal = self.sample.legal[rows]
        explained = [
            self.sample.explained(*pair, rows)
            for pair in zip(logits, values, strict=True)
        ]
        best = [torch.where(legal, each, -torch.inf).argmax(dim=1) for each in logits]
        return Changes(
            explained[0] - explained[1],
            values[0] - values[1],
            (logits[0] - logits[1]) * legal,
            best[0] != best[1],
        )


class LayerTally:
    """What ablating each channel of a layer does: arrays (N, C) that become means."""

    def __init__(
        self,
        sample: FollowedSample,
        layer: str,
        number: int,
        n_channels: int,
        seed: int,
    ) -> None:
        self.sample, self.layer = sample, layer
        self._number, self._channels, self._seed = number, n_channels, seed
        shape = (len(sample), n_channels)
        # What is never run stays as it is: ablation leaves the channel alone there.
        self.fall, self.value, self.control = (np.zeros(shape) for _ in range(3))
        self.changed = np.zeros(shape, np.bool_)
        n_actions = sample.legal.shape[1]
        self._policy = torch.zeros(
            n_channels, n_actions, dtype=torch.float64, device=sample.legal.device
        )

    def add(self, block: Block, others: Tensor, step: int) -> None:
        """Ablate all channels at a block, putting `others` (n or 1, C, H, W) there."""
        maps = block.passed.features[self.layer]
        change = others - maps
        energy = change.double().square().sum((2, 3))
        drawn = random_orders(
            self._channels, block.numbers, seed=self._seed, layer=self._number
        )
        orders = torch.from_numpy(drawn).to(maps.device)
        for pairs in torch.split(energy.nonzero(), step):
            # Each channel alone, then others that change the map exactly as much.
            rows = pairs[:, 0]
            instead = others[rows] if len(others) > 1 else others
            alone = functional.one_hot(pairs[:, 1], self._channels).bool()
            weights = control_weights(energy, pairs, orders).to(change.dtype)
            partly = partial(torch.lerp, end=instead, weight=weights[:, :, None, None])
            found = block.changes(self.layer, (alone[..., None, None], instead), rows)
            self._put(pairs, found, block.changes(self.layer, partly, rows))

    def _put(self, pairs: Tensor, found: Changes, control: Changes) -> None:
        at = tuple(pairs.cpu().numpy().T)
        self.fall[at] = _numbers(found.explained)
        self.value[at] = _numbers(found.value)
        self.control[at] = np.abs(_numbers(control.explained))
        self.changed[at] = found.best.cpu().numpy()
        self._policy.index_add_(0, pairs[:, 1], found.logits.double())

    def join(self, parts: Sequence["LayerTally"]) -> "LayerTally":
        """Take over what was found at the parts of the sample, in their order."""
        for name in ("fall", "value", "control", "changed"):
            setattr(self, name, np.concatenate([getattr(p, name) for p in parts]))
        for part in parts:
            self._policy += part._policy
        return self

    def result(self) -> LayerEffects:
        """Return means over all positions, with intervals."""
        columns = {
            "fall": self.fall,
            "size": np.abs(self.fall),
            "value": self.value,
            "control": self.control,
        }
        table, games = np.concatenate([*columns.values()], 1), self.sample.games
        found = estimates(table, games)
        ends = np.array([(each.mean, each.low, each.high) for each in found])
        numbers = {
            f"{name}{end}": own
            for name, part in zip(columns, np.split(ends, len(columns)), strict=True)
            for end, own in zip(("", "_low", "_high"), part.T.copy(), strict=True)
        }
        return LayerEffects(
            **numbers,
            moves_changed=self.changed.mean(axis=0),
            games=len(np.unique(games)),
            policy=self._policy_means(),
        )

    def _policy_means(self) -> Array:
        size = self.sample.corpus.size
        counts = _numbers(self.sample.legal.sum(dim=0))
        means = ratio(_numbers(self._policy), counts)
        return means[:, : size * size].reshape(-1, size, size)


def random_orders(
    n_channels: int, rows: range, *, seed: int, layer: int
) -> NDArray[np.int64]:
    """Draw for each position an order of the channels of a layer, (N, C)."""
    orders = [
        np.random.default_rng((seed, layer, row)).permutation(n_channels)
        for row in rows
    ]
    return np.array(orders, np.int64)


def control_weights(energy: Tensor, pairs: Tensor, orders: Tensor) -> Tensor:
    """Return how far other channels are ablated (M, C) as the control of a channel.

    From a channel's place in its random order (N, C) on, others are ablated until
    their change is as large as its own, and are then scaled down to be exactly as
    large: ``sum_k w[k] ** 2 * energy[k] = energy[c]`` of weights ``w``. Only a channel
    that changes more than all others together has weights above one; weights are nan
    where ablation changes no other channel.
    """
    rows, channels = pairs.T
    n_channels = energy.shape[1]
    places = orders.argsort(dim=1)[rows, channels]
    steps = torch.arange(1, n_channels, device=energy.device)
    others = orders[rows].gather(1, (places[:, None] + steps) % n_channels)
    sizes = energy[rows].gather(1, others)
    needed = energy[rows, channels][:, None]
    taken = sizes * (sizes.cumsum(1) - sizes < needed)
    chosen = torch.zeros_like(energy[rows]).scatter_(1, others, (taken > 0).double())
    # Where nothing was taken this is 0 by infinity, nan.
    return chosen * (needed / taken.sum(1, keepdim=True)).sqrt()


def _value(outputs: Mapping[str, Tensor]) -> Tensor:
    if "value" in outputs:
        return outputs["value"][:, 0]
    return outputs["policy"].new_full((len(outputs["policy"]),), torch.nan)


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.double().cpu().numpy())


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
    run: RunOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Ablation:
    """Ablate every channel alone and measure what the outputs lose.

    Each channel has a control: at every position other channels of the layer are
    ablated, in random order, until their change is as large (L2 norm over the
    layer) as that of the channel, and scaled down to be exactly as large. Where
    ablation changes a map a lot, outputs change a lot for that reason alone, so a
    channel matters only if it does more than its control. Such *partial ablations of
    real channels* lie between maps that the network has and what replaces them, so
    they do not measure how it fails elsewhere [1]_, as noise would; to ablate other
    units beside those in question is the control of [2]_.

    Parameters
    ----------
    store, network : Store and Module, or their paths
        Where positions, targets and layers come from, and what it explains.
    target : int or str
        Index or name of an output of the network; moves stay those of the store.
    layers : sequence of str, optional
        Layers to ablate; those of the store by default.
    n_positions : int
        Positions at most, at least two. Each is of another game as far as games
        suffice, from any phase.
    ablation : str
        What a channel becomes: "zero", its "mean" over the positions square by
        square, or its map at another position with as many discs ("resample").
    seed : int
        The same seed gives the same numbers.
    save, overwrite : bool
        Keep the result in the store, and replace the one for the same target.
    run : RunOptions, optional
        Workers or scheduler that compute, whatever the number with the same result.
    on_progress : callable, optional
        Called with "ablate", how many positions are done and how many there are.

    Returns
    -------
    Ablation
        Means with 95 % intervals, from 1,000 bootstrap draws of games; of fewer than
        ten games there are none. A channel that ablation leaves as it is has no
        effect at all, and neither has its control. Memory grows with N C numbers, not
        with maps.

    References
    ----------
    .. [1] Blücher et al., "Decoupling pixel flipping and occlusion strategy for
       consistent XAI benchmarks", TMLR 2024: occluded samples should stay within
       the scope of the model.
    .. [2] arXiv:2511.00059: neurons of OthelloGPT that follow rules, ablated
       against control neurons.
    """
    store, network = open_store(store), checked_network(network)
    check_known("ablation", ablation, ABLATIONS)
    digest = check_explains(store, network)
    if save:
        store.results.check_free(Ablation, target=target, overwrite=overwrite)
    explainer = Explainer(
        network,
        layers=layers or store.layers,
        allow_gradient=bool(store.manifest.plan.gradients),
    )
    sample = follow_sample(
        store,
        target=target,
        n_positions=n_positions,
        seed=seed,
        device=explainer.device,
    )
    tallies = tally_effects(
        explainer,
        sample,
        ablation=ablation,
        seed=seed,
        run=run,
        on_progress=on_progress,
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
    run: RunOptions | None = None,
    on_progress: OnProgress | None = None,
) -> list[LayerTally]:
    """Ablate every channel of an explainer's layers at the positions of a sample."""
    step = rows_at_once or fitting_rows(explainer)
    instead = replacements(explainer, sample.corpus, ablation, seed=seed)

    def tallies(part: FollowedSample) -> list[LayerTally]:
        return [
            LayerTally(part, layer, number, shape["channels"], seed)
            for number, (layer, shape) in enumerate(explainer.shapes.items())
        ]

    def tally(part: TaskPart, on_rows: OnRows) -> list[LayerTally]:
        rows = slice(part.start, part.stop)
        some, others = sample.take(rows), instead(rows)
        found = tallies(some)
        with explainer.run(some.corpus) as passed, torch.no_grad():
            for each in found:
                block = Block(some, passed, range(part.start, part.stop))
                each.add(block, others[each.layer], step)
        on_rows(len(part))
        return found

    size, n = min(step, _BLOCK), len(sample)
    sizes = [min(size, n - first) for first in range(0, n, size)]
    parts = spread(tally, sizes, "ablate", run, on_progress)
    pairs = zip(tallies(sample), zip(*parts, strict=True), strict=True)
    return [whole.join(some) for whole, some in pairs]
