"""Operations that choose units of their input: slices, paddings, poolings of maxima.

Each output unit is one unit of the input, which gets all of its relevance. Which one
is known beforehand, as for a slice or a reflected border, or depends on the values,
as for a maximum; of equal ones it is the first in row-major order.

Units of a map (C, H, W) have numbers from 1, as they lie in it; 0 stands for none, as
in a border of zeros. Shapes use N positions and M that are N or 1.
"""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

#: Modules that choose by the values.
MAXIMA = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
#: Modules that only move values.
MOVERS = (
    *(nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d, nn.ZeroPad2d),
    *(nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.Unflatten),
)
#: Functions and methods that only move values.
_MOVES = """
channel_shuffle chunk expand expand_as flatten flip getitem index_select movedim narrow
pad permute pixel_shuffle pixel_unshuffle repeat reshape reshape_as roll select split
squeeze swapaxes tensor_split transpose unbind unflatten unsqueeze view view_as
"""
MOVING = frozenset(_MOVES.split())


class Choice(nn.Module):
    """Units of one position by number, in the shape of its output.

    `keeps` says that each one is of its own channel; where it is none there may be a
    constant, the `fill` of the same shape.
    """

    units: Tensor
    fill: Tensor | None

    def __init__(self, units: Tensor, *, keeps: bool = False) -> None:
        super().__init__()
        self.keeps = keeps
        self.register_buffer("units", units)
        self.register_buffer("fill", None)

    def forward(self, source: Tensor) -> Tensor:
        """Choose; the gradient goes to the units chosen, which is its rule."""
        found = choose(source, self.units[None])
        return found if self.fill is None else found + self.fill


def numbers_like(source: Tensor) -> Tensor:
    """Return the number of each unit of maps or vectors (N, ...), counted through N."""
    return torch.arange(1.0, source.numel() + 1, dtype=torch.float64).view_as(source)


def as_mover(source: Tensor, numbers: Tensor) -> nn.Module | None:
    """Find the module that moves values as it has moved `numbers_like` of a source.

    None where positions mix, or differ.
    """
    count = source[0].numel()
    if numbers.dim() == 0 or len(numbers) != len(source):
        return None
    first = torch.arange(len(source)).view(-1, *[1] * (numbers.dim() - 1)) * count
    units = torch.where(numbers == 0, 0, numbers - first)
    inside = units.ge(0).all() & units.le(count).all() & (units == units.floor()).all()
    if not bool(inside & (units == units[:1]).all()):
        return None
    shape = units.shape[1:]
    if torch.equal(units[0].flatten(), torch.arange(1.0, count + 1).to(units)):
        if source.shape[1:] == shape:
            return nn.Identity()
        if len(shape) < 2:
            return nn.Flatten()
    keeps = len(shape) == source.dim() - 1 == 3
    if keeps:
        channel = (units[0] - 1) // source[0, 0].numel()
        own = torch.arange(float(len(channel)))[:, None, None]
        keeps = bool(((channel == own) | (units[0] == 0)).all())
    return Choice(units[0].long(), keeps=keeps)


def chosen(module: nn.Module, source: Tensor) -> Tensor:
    """Return the number (M, C', H', W') of the unit that is each of the output."""
    if isinstance(module, Choice):
        shape = (*module.units.shape, 1, 1)[:3]
        return module.units.view(1, *shape)
    pool: Any = copy.copy(module)
    pool.return_indices = True
    _, site = pool(source)
    channels = torch.arange(source.shape[1], device=source.device)
    found: Tensor = site + 1 + channels[:, None, None] * source[0, 0].numel()
    return found


def choose(source: Tensor, units: Tensor) -> Tensor:
    """Return units (M, ...) of maps or vectors (M, ...), 0 for none."""
    count = max(len(source), len(units))
    flat = functional.pad(source.flatten(1), (1, 0)).expand(count, -1)
    return flat.gather(1, units.flatten(1).expand(count, -1)).view(-1, *units.shape[1:])


def give_back(relevance: Tensor, units: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return relevance (N, T, C', H', W') of units (M, C', H', W') to those chosen."""
    n, t = relevance.shape[:2]
    index = units.flatten(1)[:, None].expand(n, t, -1)
    found = relevance.new_zeros(n, t, 1 + int(np.prod(shape)))
    found.scatter_add_(2, index, relevance.flatten(2))
    return found[:, :, 1:].view(n, t, *shape)


def reach(module: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which sites (S, S') of a map (C, H, W) and of the output can meet."""
    channels, height, width = shape
    boards = torch.eye(height * width).view(-1, 1, height, width)
    boards = boards.expand(-1, channels, -1, -1)
    found = choose(boards, chosen(module, boards)).any(1)
    return np.asarray(found.flatten(1))
