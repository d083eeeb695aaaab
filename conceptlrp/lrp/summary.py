"""Sums over the board: what a store keeps of every position.

Shapes use N positions, T targets, C channels of a layer, A actions and n x n
squares of the board.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]


@dataclass(frozen=True)
class Summary:
    """Relevance and activation of every channel, summed over the board.

    Attributes
    ----------
    targets : tuple of str
        Names of the T targets.
    heatmap : ndarray of shape (N, T, n, n)
        Relevance of the input, planes summed.
    relevance : dict of str to ndarray of shape (N, T, C)
        Relevance of every channel of every layer.
    activation : dict of str to ndarray of shape (N, C)
        Sum of every feature map.
    peak : dict of str to ndarray of shape (N, C)
        Largest activation of every feature map.
    peak_square : dict of str to ndarray of shape (N, C)
        Where it is, counted row by row.
    squares : ndarray of shape (N, T)
        The move each target means.
    explained : ndarray of shape (N, T)
        The targets' values.
    logits : ndarray of shape (N, A)
        Policy logits.
    value : ndarray of shape (N,)
        Value before tanh, nan for a network without a value head.
    conditional : dict of str to Tensor of shape (N, T, C, n, n)
        Conditional heatmaps of every channel, where they were computed; empty
        unless they were asked for.
    """

    targets: tuple[str, ...]
    heatmap: Array
    relevance: dict[str, Array]
    activation: dict[str, Array]
    peak: dict[str, Array]
    peak_square: dict[str, Array]
    squares: Array
    explained: Array
    logits: Array
    value: Array
    conditional: dict[str, Tensor] = field(default_factory=dict)

    def arrays(self) -> dict[str, Array]:
        """Return the datasets of a shard, as `conceptlrp.store` lays them out."""
        arrays: dict[str, Array] = {
            "outputs/logits": self.logits,
            "outputs/value": self.value,
            "targets/square": self.squares,
            "targets/explained": self.explained,
            "targets/heatmap": self.heatmap,
        }
        for layer, relevance in self.relevance.items():
            arrays[f"layers/{layer}/relevance"] = relevance
            arrays[f"layers/{layer}/norm"] = np.abs(relevance).sum(axis=2)
            arrays[f"layers/{layer}/activation"] = self.activation[layer]
            arrays[f"layers/{layer}/peak"] = self.peak[layer]
            arrays[f"layers/{layer}/peak_square"] = self.peak_square[layer]
        return arrays


def summarize_layers(
    relevance: Mapping[str, Tensor], features: Mapping[str, Tensor]
) -> dict[str, dict[str, Array]]:
    """Sum maps over the board, where they were computed.

    Shapes: `relevance` (N, T, C, H, W), `features` (N, C, H, W). Returns: the fields of
    a `Summary` that have an entry a layer.
    """
    flat = {layer: feature.detach().flatten(2) for layer, feature in features.items()}
    peaks = {layer: maps.max(2) for layer, maps in flat.items()}
    return {
        "relevance": {n: as_array(r.sum((3, 4))) for n, r in relevance.items()},
        "activation": {n: as_array(maps.sum(2)) for n, maps in flat.items()},
        "peak": {n: as_array(peak.values) for n, peak in peaks.items()},
        "peak_square": {
            n: as_array(peak.indices.to(torch.int8)) for n, peak in peaks.items()
        },
    }


def as_array(tensor: Tensor) -> Array:
    """Return a tensor as an array, of float32 where numpy lacks its type."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    array: Array = tensor.detach().cpu().contiguous().numpy()
    return array
