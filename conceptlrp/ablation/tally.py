"""Effects of ablation in one layer and of its control, position by position.

Shapes use N positions, n of them in a block, M pairs of a position of the block and
a channel, C channels of an H x W map, and A actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.ablation.result import Array, LayerEffects
from conceptlrp.ablation.sample import FollowedSample
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.statistics.estimates import estimates, ratio


@dataclass(frozen=True)
class Changes:
    """Outputs before a change of the maps less those after it.

    ``explained`` and ``value`` (M,) are nan without a value head, ``logits`` (M, A) are
    0 for illegal moves, ``best`` (M,) says where another legal move becomes the best.
    """

    explained: Tensor
    value: Tensor
    logits: Tensor
    best: Tensor


@dataclass(frozen=True)
class Block:
    """Positions ``numbers`` of a sample, whose forward pass is kept."""

    sample: FollowedSample
    passed: NativePassed
    numbers: range

    def changes(self, layer: str, maps: Tensor, rows: Tensor) -> Changes:
        """Run the rest of the network from maps (M, C, H, W) of rows (M,)."""
        numbers = rows + self.numbers.start
        before = {name: out[rows] for name, out in self.passed.outputs.items()}
        outputs = [before, self.passed.run_from(layer, maps, rows)]
        values = [_value(found) for found in outputs]
        logits = [found["policy"] for found in outputs]
        legal = self.sample.legal[numbers]
        explained = [
            self.sample.explained(*pair, numbers)
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
            alone = torch.nn.functional.one_hot(pairs[:, 1], self._channels)
            elsewhere = control_weights(energy, pairs, orders)
            found, control = (
                block.changes(self.layer, maps[rows] + _scaled(change, rows, w), rows)
                for w in (alone, elsewhere)
            )
            self._put(block, pairs, found, control)

    def _put(
        self, block: Block, pairs: Tensor, found: Changes, control: Changes
    ) -> None:
        rows, channels = pairs.cpu().numpy().T
        at = (rows + block.numbers.start, channels)
        self.fall[at] = _numbers(found.explained)
        self.value[at] = _numbers(found.value)
        self.control[at] = np.abs(_numbers(control.explained))
        self.changed[at] = found.best.cpu().numpy()
        self._policy.index_add_(0, pairs[:, 1], found.logits.double())

    def result(self) -> LayerEffects:
        """Return means over all positions, with intervals."""
        columns = {
            "fall": self.fall,
            "size": np.abs(self.fall),
            "value": self.value,
            "control": self.control,
        }
        found = estimates(
            np.concatenate(list(columns.values()), axis=1),
            self.sample.corpus.game,
            seed=self._seed,
        )
        numbers: dict[str, Array] = {}
        for place, name in enumerate(columns):
            own = found[place * self._channels : (place + 1) * self._channels]
            numbers[name] = np.array([each.mean for each in own])
            numbers[f"{name}_low"] = np.array([each.low for each in own])
            numbers[f"{name}_high"] = np.array([each.high for each in own])
        return LayerEffects(
            **numbers,
            moves_changed=self.changed.mean(axis=0),
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


def _scaled(change: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the change (M, C, H, W) of maps by weights (M, C) of the channels."""
    return weights.to(change.dtype)[:, :, None, None] * change[rows]


def _value(outputs: Mapping[str, Tensor]) -> Tensor:
    if "value" in outputs:
        return outputs["value"][:, 0]
    return outputs["policy"].new_full((len(outputs["policy"]),), torch.nan)


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = tensor.double().cpu().numpy()
    return found
