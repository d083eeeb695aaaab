"""What conceptlrp is compared with in its own process: zennit and plain torch.

Shapes use N positions and C channels.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from zennit.composites import EpsilonPlusFlat
from zennit.core import Composite

from conceptlrp.networks.planes import actions_of_squares, board_planes
from conceptlrp.othello import Corpus
from tests.benchmarks.operations import convolution_flops
from tests.benchmarks.timing import Contestant, timed

PEAK_BATCHES = (16, 64)
_TAPS = {f"conv{i}": f"relu{i}" for i in range(1, 5)}


def bare_zennit(
    network: fx.GraphModule,
    positions: Corpus,
    composite: Composite | None = None,
    taps: Mapping[str, str] = _TAPS,
    *,
    batch_size: int = 64,
) -> dict[str, Tensor]:
    """Compute the relevance (N, C) of each layer's channels with zennit's hooks.

    Parameters
    ----------
    network : GraphModule
        With folded batch norms; policy logits are its first output.
    positions : Corpus
        N positions with played moves, which are explained.
    composite : Composite, optional
        Zennit's EpsilonPlusFlat by default.
    taps : mapping of str to str
        Module whose output is the feature map of each layer.
    batch_size : int
        Positions at a time.
    """
    planes, actions = _as_tensors(positions, next(network.parameters()).dtype)
    parts: list[list[Tensor]] = []
    features: dict[str, Tensor] = {}
    with (composite or EpsilonPlusFlat()).context(network) as hooked:
        handles = [
            hooked.get_submodule(tap).register_forward_hook(_keep(features, layer))
            for layer, tap in taps.items()
        ]
        for rows in torch.arange(len(planes)).split(batch_size):
            logits = hooked(planes[rows].requires_grad_())[0]
            start = torch.zeros_like(logits)
            chosen = actions[rows][:, None]
            start.scatter_(1, chosen, logits.detach().gather(1, chosen))
            found = torch.autograd.grad(logits, list(features.values()), start)
            parts.append([relevance.sum((2, 3)) for relevance in found])
        for handle in handles:
            handle.remove()
    joined = [torch.cat(batches) for batches in zip(*parts, strict=True)]
    return dict(zip(features, joined, strict=True))


def _keep(
    features: dict[str, Tensor], layer: str
) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        features[layer] = output

    return hook


def _as_tensors(positions: Corpus, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    size = positions.size
    planes = board_planes(positions.own, positions.opponent, size=size)
    actions = actions_of_squares(positions.played, size=size).astype(np.int64)
    return torch.from_numpy(planes).to(dtype), torch.from_numpy(actions)


def plain_forwards(
    network: fx.GraphModule, positions: Corpus, *, batch_size: int = 64
) -> dict[str, Contestant]:
    """Return plain forward passes over positions, in both memory layouts."""
    planes, _ = _as_tensors(positions, next(network.parameters()).dtype)
    layouts = {
        "forward": torch.contiguous_format,
        "forward, channels last": torch.channels_last,
    }
    return {
        name: _plain_forward(network, planes.split(batch_size), layout)
        for name, layout in layouts.items()
    }


def _plain_forward(
    network: fx.GraphModule, batches: Sequence[Tensor], layout: torch.memory_format
) -> Contestant:
    network = deepcopy(network).to(memory_format=layout)
    arranged = [batch.contiguous(memory_format=layout) for batch in batches]

    def run() -> None:
        with torch.no_grad():
            for batch in arranged:
                network(batch)

    return timed(run)


def convolution_peaks(channels: int) -> dict[str, Contestant]:
    """Return 3x3 convolutions of one batch size each, in channels_last."""
    return {f"peak {size}": _convolution(channels, size) for size in PEAK_BATCHES}


def peak_rate(channels: int, seconds: dict[str, float]) -> float:
    """Return the FLOP/s of the best batch size, given a time for each."""
    return max(
        convolution_flops(channels, size) / seconds[f"peak {size}"]
        for size in PEAK_BATCHES
    )


def _convolution(channels: int, batch_size: int) -> Contestant:
    layout = torch.channels_last
    maps = torch.rand(batch_size, channels, 8, 8).to(memory_format=layout)
    weight = torch.rand(channels, channels, 3, 3).to(memory_format=layout)

    def run() -> None:
        with torch.no_grad():
            functional.conv2d(maps, weight, padding=1)

    return timed(run, repeats=8)
