"""Operations on single units that are no module of torch's: affine, gated, spread.

Each carries its rule with it, for any composite:

- `Affine` w x + b: x gets w x / stab(w x + b) of the relevance, all of it without b,
  which absorbs the rest as any bias does;
- `Gate` x g: the gate g is held constant and x gets all (Arras et al. 2017 for LSTMs;
  Achtibat et al., AttnLRP, arXiv:2402.05602, 2024, for attention's weights);
- `Broadcast` of one square over a map: the square gets the sum.
"""

from typing import Any

import torch
from torch import Tensor, nn

#: As zennit's Norm and Epsilon have it.
_EPSILON = 1e-6


class _Held(torch.autograd.Function):
    """A value whose gradient is the share of relevance that the source gets."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, _source: Tensor, share: Tensor) -> Tensor:
        ctx.save_for_backward(share)
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> Any:
        (share,) = ctx.saved_tensors
        return None, relevance * share, None


def _held(value: Tensor, source: Tensor, share: Tensor) -> Tensor:
    found: Tensor = _Held.apply(value.detach(), source, share.detach())  # type: ignore[no-untyped-call]
    return found


class Affine(nn.Module):
    """A weight and a bias a unit: numbers, or of the shape of one position."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().clone())
        has_bias = bias is not None and bool(bias.any())
        self.register_buffer("bias", bias.detach().clone() if has_bias else None)  # type: ignore[union-attr]

    def slope(self, source: Tensor) -> Tensor:
        """Return the weight of each unit of maps or vectors (N, ...)."""
        return _as_unit(self.weight, source).expand(source.shape[1:])

    def value(self, source: Tensor) -> Tensor:
        """Compute it alone."""
        found = source * _as_unit(self.weight, source)
        return found if self.bias is None else found + _as_unit(self.bias, source)

    def per_unit(self, source: Tensor) -> Tensor:
        """Return the same by the input's value: 1 / stab(w x + b) times the weight."""
        value = self.value(source)
        shift = torch.copysign(value.new_tensor(_EPSILON), value + 0.0)
        return _as_unit(self.weight, source) / (value + shift)

    def share(self, source: Tensor) -> Tensor:
        """Return what the input gets of each unit's relevance (N, ...)."""
        if self.bias is None:
            return torch.ones_like(source)
        return source * self.per_unit(source)

    def forward(self, source: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient."""
        return _held(self.value(source), source, self.share(source))


class Gate(nn.Module):
    """A feature map times a gate, which is held constant."""

    def forward(self, source: Tensor, gate: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient."""
        value = source * gate
        whole = source.expand_as(value)
        return _held(value, whole, torch.ones_like(value))


class Slope(nn.Module):
    """What stands around an operation that only has its gradient.

    Above it relevance becomes a derivative, divided by the value; below it relevance
    again, times the value that the operation reads.
    """

    def __init__(self, *, above: bool) -> None:
        super().__init__()
        self.above = above

    def forward(self, value: Tensor) -> Tensor:
        """Return the value as it is."""
        if not value.is_floating_point():
            return value
        share = value
        if self.above:
            share = torch.where(value == 0, torch.zeros_like(value), 1.0 / value)
        return _held(value, value, share)


class Broadcast(nn.Module):
    """One square a channel (N, C, 1, 1), spread over a map of height and width."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)

    def forward(self, source: Tensor) -> Tensor:
        """Spread it; the gradient is the sum, which is its rule."""
        return source.expand(-1, -1, *self.size)


def _as_unit(constant: Tensor, source: Tensor) -> Tensor:
    """See a constant of one position as a unit of maps, flattened or not."""
    shape = source.shape[1:]
    return constant.reshape(shape) if constant.numel() == shape.numel() else constant
