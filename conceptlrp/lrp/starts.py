"""Where relevance starts: which output or layer holds a target, and where.

Shapes use N positions, T targets, A actions, C channels of an H x W map.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import LayerError, TargetError
from conceptlrp.lrp.engine.trace import unknown_layer
from conceptlrp.lrp.targets import Contrast, Neuron, Target, Value
from conceptlrp.networks.planes import actions_of_squares


def starts_of(
    tensors: Mapping[str, Tensor],
    targets: Sequence[Target],
    squares: NDArray[np.int8],
    opposed: NDArray[np.int8],
    size: int,
) -> dict[str, Tensor]:
    """Return the relevance that starts at each output or layer.

    Shapes: `tensors` (N, ...), `squares` (N, T), `opposed` (N, T). Returns (N, T, ...):
    the target's own value where the target is, zero elsewhere.
    """
    starts: dict[str, Tensor] = {}
    for t, target in enumerate(targets):
        name, mask = _mask(tensors, target, squares[:, t], size)
        if isinstance(target, Contrast):
            mask = mask - _move_mask(tensors["policy"], opposed[:, t], size)
        tensor = tensors[name].detach()
        if name not in starts:
            shape = (len(tensor), len(targets), *tensor.shape[1:])
            starts[name] = tensor.new_zeros(shape)
        starts[name][:, t] = tensor * mask
    return starts


def _mask(
    tensors: Mapping[str, Tensor], target: Target, squares: NDArray[np.int8], size: int
) -> tuple[str, Tensor]:
    """Return what holds a target, and ones where the target is in it."""
    if isinstance(target, Neuron):
        return target.layer, _neuron_mask(tensors, target)
    if isinstance(target, Value):
        if "value" not in tensors:
            msg = "the network has no value head; choose a move as target"
            raise TargetError(msg)
        return "value", torch.ones_like(tensors["value"])
    return "policy", _move_mask(tensors["policy"], squares, size)


def _move_mask(logits: Tensor, squares: NDArray[np.int8], size: int) -> Tensor:
    """Return ones (N, A) at the moves."""
    actions = torch.from_numpy(actions_of_squares(squares, size=size).astype(np.int64))
    mask = torch.zeros_like(logits)
    return mask.scatter_(1, actions.to(logits.device)[:, None], 1.0)


def _neuron_mask(tensors: Mapping[str, Tensor], target: Neuron) -> Tensor:
    layers = [name for name in tensors if name not in ("policy", "value")]
    if target.layer not in layers:
        raise unknown_layer(target.layer, layers)
    feature = tensors[target.layer]
    check_channel(target.layer, target.channel, feature.shape[1])
    mask = torch.zeros_like(feature)
    if target.square is None:
        mask[:, target.channel] = 1.0
        return mask
    row, column = target.square
    height, width = feature.shape[2:]
    if not (0 <= row < height and 0 <= column < width):
        msg = f"target '{target.name}' lies outside the map ({height}, {width})"
        raise TargetError(msg)
    mask[:, target.channel, row, column] = 1.0
    return mask


def check_channel(layer: str, channel: int, n_channels: int) -> None:
    """Raise `LayerError` unless the layer has the channel."""
    if not 0 <= channel < n_channels:
        msg = (
            f"layer '{layer}' has no channel {channel}, expected 0 to {n_channels - 1}"
        )
        raise LayerError(msg)
