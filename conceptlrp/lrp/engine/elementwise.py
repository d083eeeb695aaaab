"""Operations that are no module of torch's: affine, gated, spread, norms in steps.

Each carries its rule with it, for any composite:

- `Affine` w x + b: x gets w x / stab(w x + b) of the relevance, all of it without b,
  which absorbs the rest as any bias does;
- `Gate` x g: the gate g is held constant and x gets all (Arras et al. 2017 for LSTMs;
  Achtibat et al., AttnLRP, arXiv:2402.05602, 2024, for attention's weights).

Norms over features, of layers, groups, instances and root mean squares, hold the
deviation constant, as AttnLRP does, and are up to three operations:

- `Centre` z = x - mean(x), a linear map: x gets x * centred(R / stab(z)), by Epsilon
  unless a composite has another rule for it;
- `Scaled` x / sqrt(mean(x^2) + eps), which hands relevance on as a gate does;
- `Affine`, which is all of a norm by statistics that it has kept.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

#: As zennit's Norm and Epsilon have it.
_EPSILON = 1e-6
_RULES: ContextVar[bool] = ContextVar("rules", default=True)


@contextmanager
def without_rules() -> Iterator[None]:
    """Let the modules below have their gradient as it is."""
    token = _RULES.set(False)
    try:
        yield
    finally:
        _RULES.reset(token)


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


def held(value: Tensor, source: Tensor, share: Tensor) -> Tensor:
    """Return a value of which the source gets a share of the relevance."""
    if not _RULES.get():
        return value
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
        return _as_unit(self.weight, source).expand_as(source)

    def value(self, source: Tensor) -> Tensor:
        """Compute it alone."""
        found = source * _as_unit(self.weight, source)
        return found if self.bias is None else found + _as_unit(self.bias, source)

    def per_unit(self, source: Tensor) -> Tensor:
        """Return the same by the input's value: 1 / stab(w x + b) times the weight."""
        return _as_unit(self.weight, source) * inverse(self.value(source))

    def absorbed(self, source: Tensor) -> Tensor:
        """Return what the bias gets of each unit's relevance (N, ...)."""
        if self.bias is None:
            return torch.zeros_like(source)
        return _as_unit(self.bias, source) * inverse(self.value(source))

    def share(self, source: Tensor) -> Tensor:
        """Return what the input gets of each unit's relevance (N, ...)."""
        if self.bias is None:
            return torch.ones_like(source)
        return source * self.per_unit(source)

    def forward(self, source: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient."""
        return held(self.value(source), source, self.share(source))


class Gate(nn.Module):
    """A feature map times a gate, which is held constant."""

    held: ClassVar[str] = "gate"

    def forward(self, source: Tensor, gate: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient."""
        value = source * gate
        whole = source.expand_as(value)
        return held(value, whole, torch.ones_like(value))


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
        return held(value, value, share)


def inverse(value: Tensor) -> Tensor:
    """Return one over a stabilized value."""
    shift = torch.copysign(value.new_tensor(_EPSILON), value + 0.0)
    return (value + shift).reciprocal()


def _as_unit(constant: Tensor, source: Tensor) -> Tensor:
    """See a constant of one position as a unit of maps, flattened or not."""
    shape = source.shape[1:]
    return constant.reshape(shape) if constant.numel() == shape.numel() else constant


#: Norms as modules and as functions.
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.RMSNorm)
NORMING = (
    *(functional.layer_norm, functional.group_norm),
    *(functional.instance_norm, functional.rms_norm),
)
_PARTS = ("weight", "bias", "running_mean", "running_var")


class Centre(nn.Module):
    """Features (N, C, ...) less their mean over each of some groups of channels."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def value(self, source: Tensor) -> Tensor:
        """Compute it alone; it is symmetric, so that this is its transpose too."""
        return source - group_means(source, self.groups)

    def forward(self, source: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient unless a hook has one."""
        if self._forward_hooks:
            return self.value(source)
        value = self.value(held(source, source, source))
        return held(value, value, inverse(value))


class Scaled(nn.Module):
    """Features (N, C, ...) over the root of each group's mean square, held constant."""

    held: ClassVar[str] = "deviation"

    def __init__(self, groups: int, eps: float) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps

    def slope(self, source: Tensor) -> Tensor:
        """Return one over the deviation, for each unit (N, C, ...)."""
        return (group_means(source.square(), self.groups) + self.eps).rsqrt()

    def value(self, source: Tensor) -> Tensor:
        """Compute it alone."""
        return source * self.slope(source)

    def forward(self, source: Tensor) -> Tensor:
        """Compute it, with its rule in place of the gradient."""
        return held(self.value(source), source, torch.ones_like(source))


#: What reads the squares and channels of a group together.
GROUPED = (Centre, Scaled)
#: What relevance and derivatives go different ways through.
MIXING = (Gate, *GROUPED)


def group_means(source: Tensor, groups: int) -> Tensor:
    """Return the mean over each group of channels, at every unit (N, C, ...)."""
    grouped = torch.unflatten(source, 1, (groups, -1))
    mean = grouped.mean(tuple(range(2, grouped.dim())), keepdim=True)
    return mean.expand_as(grouped).flatten(1, 2)


def kept_affine(
    mean: Tensor, variance: Tensor, eps: float, weight: Any = None, bias: Any = None
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a norm by statistics that it has kept."""
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    return scale, -mean * scale if bias is None else bias - mean * scale


def norm_steps(norm: Any, args: Any, kwargs: Any) -> list[nn.Module]:
    """Return the steps of a call, none for what is normalised otherwise.

    That is each square's channels, or each row of a map, by itself.
    """
    given, source = dict(kwargs), args[0]
    if isinstance(norm, nn.Module):
        given |= {**vars(norm), **norm._parameters, **norm._buffers}
    else:
        bound = inspect.signature(norm).bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
    channels, eps = source.shape[1], given["eps"]
    groups = given.get("num_groups", channels)
    if "normalized_shape" in given:
        if tuple(given["normalized_shape"]) != source.shape[1:]:
            return []
        groups = 1
    # One number a channel is spread over the squares of a map.
    shape = (-1, *(1,) * (source.dim() - 2))
    weight, bias, mean, variance = (
        part if part is None or part.numel() != channels else part.view(shape)
        for part in map(given.get, _PARTS)
    )
    eps = torch.finfo(source.dtype).eps if eps is None else eps
    steps: list[nn.Module] = []
    if mean is not None and variance is not None and not given.get("use_input_stats"):
        weight, bias = kept_affine(mean, variance, eps, weight, bias)
    elif isinstance(norm, nn.RMSNorm) or norm is functional.rms_norm:
        steps = [Scaled(groups, eps)]
    else:
        steps = [Centre(groups), Scaled(groups, eps)]
    if weight is not None or bias is not None:
        steps.append(Affine(source.new_ones(()) if weight is None else weight, bias))
    return steps
