"""Counts of the multiplications and additions that conditional heatmaps need.

The counts come from the shape of the network alone, not from the engine: what
is counted is useful whoever does it, and what an engine does beyond it is not.

Shapes use P input squares, C channels and a feature map of H x W squares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from conceptlrp.networks import OthelloNet

_KERNEL = (3, 3)


@dataclass(frozen=True)
class Reach:
    """Which squares of a feature map a tangent of an input square reaches.

    Attributes
    ----------
    squares : ndarray of shape (P, H, W)
        Where the tangent of each input square can differ from zero.
    products : int
        Pairs of such a square and a tap of the kernel that reads one below.
    below_products : int
        Pairs of a square below and a tap that reads it, for the whole map.
    """

    squares: NDArray[np.bool_]
    products: int
    below_products: int


def reach_of_layers(network: OthelloNet) -> list[Reach]:
    """Follow the tangents of all input squares through the four convolutions."""
    side = network.size
    reached = np.eye(side * side, dtype=bool).reshape(-1, side, side)
    found = []
    for module in network.children():
        if isinstance(module, nn.Conv2d):
            found.append(_convolve(reached, int(module.padding[0])))
            reached = found[-1].squares
    return found


def _convolve(reached: NDArray[np.bool_], padding: int) -> Reach:
    windows = _windows(reached, padding)
    whole = _windows(np.ones_like(reached[:1]), padding)
    return Reach(windows.any((3, 4)), int(windows.sum()), int(whole.sum()))


def _windows(maps: NDArray[np.bool_], padding: int) -> NDArray[np.bool_]:
    around = ((0, 0), (padding, padding), (padding, padding))
    padded = np.pad(maps, around)
    windows: NDArray[np.bool_] = np.lib.stride_tricks.sliding_window_view(
        padded, _KERNEL, axis=(1, 2)
    )
    return windows


def sweep_flops(network: OthelloNet, *, n_targets: int = 1) -> int:
    """Count the sweep that epsilon-plus-flat needs for all channels of a position.

    Tangents are zero outside the receptive field of their square, and behind a
    first layer with the Flat rule they are alike in all channels, so that the
    second layer needs one convolution with its taps kept apart instead of one for
    every input square. Each layer's tangents are multiplied with its relevance for
    every target. Behind a ReLU ZPlus has one term.
    """
    width = network.channels
    first, second, *others = reach_of_layers(network)
    apart = second.below_products * width**2 + second.products * width
    above = sum(reach.products for reach in others) * width**2
    rows = sum(int(r.squares.sum()) for r in (first, second, *others))
    return 2 * (first.products + apart + above + n_targets * rows * width)


def pass_flops(network: OthelloNet) -> int:
    """Count one pass through all layers, up or, with rules of one term, down."""
    reaches = iter(reach_of_layers(network))
    total = 0
    for module in network.children():
        if isinstance(module, nn.Conv2d):
            n_products = next(reaches).below_products
            total += n_products * module.in_channels * module.out_channels
        elif isinstance(module, nn.Linear):
            total += module.weight.numel()
    return 2 * total


def heatmap_flops(network: OthelloNet, *, n_targets: int = 1) -> int:
    """Count all conditional heatmaps: forward, one pass down a target, the sweep."""
    passes = (1 + n_targets) * pass_flops(network)
    return passes + sweep_flops(network, n_targets=n_targets)


def convolution_flops(channels: int, batch_size: int) -> int:
    """Count a padded 3x3 convolution of an 8x8 map, padding included as is usual."""
    return 2 * batch_size * 64 * 9 * channels**2
