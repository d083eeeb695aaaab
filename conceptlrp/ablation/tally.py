"""Effects of ablation in one layer, gathered position by position.

Shapes use N positions, n of them in a block, M pairs of a position of the block and
a channel, C channels of an H x W map, and A actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.ablation.control import control_weights, random_orders
from conceptlrp.ablation.result import Array, LayerEffects
from conceptlrp.ablation.sample import FollowedSample
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.statistics.estimates import estimates


@dataclass(frozen=True)
class Changes:
    """Outputs before a change of the maps less those after it.

    Attributes
    ----------
    explained, value : Tensor of shape (M,)
        Of the followed output and of the value, nan without a value head.
    logits : Tensor of shape (M, A)
        Of the policy, 0 for illegal moves.
    best : bool Tensor of shape (M,)
        Whether another legal move is the best one.
    """

    explained: Tensor
    value: Tensor
    logits: Tensor
    best: Tensor


@dataclass(frozen=True)
class Block:
    """Positions of a sample whose forward pass is at hand.

    Attributes
    ----------
    sample : FollowedSample
        All N positions.
    passed : NativePassed
        The forward pass of the block.
    numbers : range
        Which positions it holds.
    """

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
    """What ablating each channel of a layer does, for a result in the end.

    Attributes
    ----------
    fall, value, control : float64 array of shape (N, C)
        At every position what `LayerEffects` has the means of.
    changed : bool array of shape (N, C)
        Whether another legal move becomes the best.
    """

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
        """Ablate all channels at a block of positions.

        Shapes: `others` (n or 1, C, H, W).
        """
        maps = block.passed.features[self.layer]
        change = others - maps
        energy = change.double().square().sum((2, 3))
        drawn = random_orders(
            self._channels, block.numbers, seed=self._seed, layer=self._number
        )
        orders = torch.from_numpy(drawn).to(maps.device)
        for pairs in torch.split(energy.nonzero(), step):
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
        known = counts > 0
        means = np.where(
            known, _numbers(self._policy) / np.where(known, counts, 1), np.nan
        )
        return means[:, : size * size].reshape(-1, size, size)


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
