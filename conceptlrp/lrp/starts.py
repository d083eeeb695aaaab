"""Where relevance starts: the tensor that holds a target, and the target in it."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import LayerError, TargetError
from conceptlrp.lrp.hooks import Forward
from conceptlrp.lrp.targets import Neuron, Target, Value
from conceptlrp.networks import actions_of_squares


def start_of(
    passed: Forward, target: Target, squares: NDArray[np.int8], size: int
) -> tuple[Tensor, Tensor]:
    """Return the tensor that holds a target, and a mask of the target in it.

    Parameters
    ----------
    passed : Forward
        A forward pass of N positions.
    target : Target
        What is explained.
    squares : ndarray of shape (N,)
        The move that the target means at each position.
    size : int
        Side of the board.

    Returns
    -------
    Tensor, Tensor
        One of the pass's outputs or feature maps, and ones where the target is.

    Raises
    ------
    TargetError, LayerError
        For a value that the network does not have, or a neuron outside it.
    """
    if isinstance(target, Neuron):
        return _start_at_neuron(passed, target)
    if isinstance(target, Value):
        if len(passed.outputs) < 2:
            msg = "the network has no value head; choose a move as target"
            raise TargetError(msg)
        return passed.outputs[1], torch.ones_like(passed.outputs[1])
    logits = passed.outputs[0]
    actions = torch.from_numpy(actions_of_squares(squares, size=size).astype(np.int64))
    mask = torch.zeros_like(logits)
    return logits, mask.scatter_(1, actions.to(logits.device)[:, None], 1.0)


def _start_at_neuron(passed: Forward, target: Neuron) -> tuple[Tensor, Tensor]:
    if target.layer not in passed.features:
        raise unknown_layer(target.layer, passed.features)
    feature = passed.features[target.layer]
    check_channel(target.layer, target.channel, feature.shape[1])
    mask = torch.zeros_like(feature)
    if target.square is None:
        mask[:, target.channel] = 1.0
        return feature, mask
    if feature.dim() != 4 or not _inside(target.square, feature.shape[2:]):
        msg = f"target '{target.name}' lies outside the map {tuple(feature.shape[2:])}"
        raise TargetError(msg)
    mask[:, target.channel, target.square[0], target.square[1]] = 1.0
    return feature, mask


def _inside(square: tuple[int, int], shape: Sequence[int]) -> bool:
    return all(0 <= at < side for at, side in zip(square, shape, strict=True))


def check_channel(layer: str, channel: int, n_channels: int) -> None:
    """Raise `LayerError` unless the layer has the channel."""
    if not 0 <= channel < n_channels:
        msg = (
            f"layer '{layer}' has no channel {channel}, expected 0 to {n_channels - 1}"
        )
        raise LayerError(msg)


def unknown_layer(layer: str, known: Iterable[str]) -> LayerError:
    """Return the error for a layer that the network does not have."""
    return LayerError(f"no layer '{layer}', expected one of {', '.join(known)}")
