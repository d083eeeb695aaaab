"""The control of an ablation: as large a change, given to other channels.

Shapes use N positions, C channels and M pairs of a position and a channel.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def random_orders(
    n_channels: int, rows: range, *, seed: int, layer: int
) -> NDArray[np.int64]:
    """Draw for each position an order of the channels of a layer.

    Returns (N, C): permutations of the channels.
    """
    orders = [
        np.random.default_rng((seed, layer, row)).permutation(n_channels)
        for row in rows
    ]
    return np.array(orders, np.int64)


def control_weights(energy: Tensor, pairs: Tensor, orders: Tensor) -> Tensor:
    """Say how far other channels are ablated for the control of a channel.

    From a channel's place in the random order on, others are ablated with it until
    their change is as large as its own, and are then all scaled down to be exactly
    as large: with weights ``w``, ``sum_k w[k] ** 2 * energy[k] = energy[c]``. Only
    a channel that changes more than all others together has weights above one.

    Shapes: `energy` (N, C), `pairs` (M, 2), `orders` (N, C). Returns (M, C): part of
    its ablation that each channel is given, 0 for the channel itself; nan where
    ablation changes no other channel.
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
