"""Norms over features, of layers, groups, instances and root mean squares, in steps.

The deviation is held constant, as a gate is (AttnLRP, Achtibat et al., 2024,
arXiv:2402.05602), so that a norm is up to three operations:

- `Centre` z = x - mean(x), a linear map: x gets x * centred(R / stab(z)), by Epsilon
  unless a composite has another rule for it;
- `Scaled` x / sqrt(mean(x^2) + eps), which hands relevance on;
- `Affine`, weight and bias.

A norm by statistics that it has kept is an `Affine` alone.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from conceptlrp.lrp.engine.elementwise import Affine, Gate, held, inverse

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
