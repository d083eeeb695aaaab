"""What a rule does with inputs and outputs, found out by trying it.

A zennit rule divides relevance by a function of its outputs (the mapper) and
multiplies what comes back by its inputs (the reducer). Both are plain functions, so
that a user's rule is understood like one of zennit's.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from conceptlrp.lrp._zennit import BasicHook


def scales_of(
    rule: BasicHook, relevance: Tensor, outputs: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Divide relevance by the outputs of a rule's parts, as its mapper does."""
    scales = rule.gradient_mapper(relevance, outputs)
    return (scales,) if isinstance(scales, Tensor) else tuple(scales)


def stabilizer_of(rule: BasicHook, dtype: torch.dtype) -> float | None:
    """Find the epsilon by which a rule divides by the stabilized sum of its parts.

    What most rules do takes zennit seven passes over the outputs and `inverse` three;
    whether a rule is one of them is found by trying.

    Returns: none for a rule that does anything else with its outputs.
    """
    generator = torch.Generator().manual_seed(1)
    shape = (len(rule.input_modifiers), 2, 64)
    values = torch.randn(shape, generator=generator, dtype=dtype)
    # A stabilizer shows near zero and its sign at zero.
    values *= 10.0 ** torch.arange(-8, 8, 0.25).to(dtype)
    values[:, :, ::9] = 0.0
    parts = list(values)
    zero = [torch.zeros(1, 1, dtype=dtype)] * len(parts)
    largest = float(scales_of(rule, torch.ones(1, 1, dtype=dtype), zero)[0])
    # At an output of zero, all that a relevance of one is divided by is epsilon.
    if not 0 < largest < math.inf:
        return None
    epsilon = 1.0 / largest
    found = scales_of(rule, torch.ones_like(parts[0]), parts)
    expected = inverse(parts, epsilon)
    same = [torch.allclose(f, expected, rtol=1e-6, atol=0.0) for f in found]
    return epsilon if all(same) else None


def inverse(parts: Sequence[Tensor], epsilon: float) -> Tensor:
    """Return one over the stabilized sum of outputs, as zennit's Stabilizer does."""
    # A copy in either case: what follows works in place.
    total = parts[0] + 0.0 if len(parts) == 1 else parts[0] + parts[1]
    for part in parts[2:]:
        total = total + part
    # Adding 0 makes a zero positive, for which the stabilizer's sign is +1.
    shift = torch.copysign(total.new_tensor(epsilon), total + 0.0)
    return shift.add_(total).reciprocal_()


def reduce_one(rule: BasicHook, inputs: Sequence[Tensor], i: int) -> Tensor:
    """Return what the reducer makes of a gradient of one in one input."""
    ones = [torch.zeros_like(x) for x in inputs]
    ones[i] = torch.ones_like(inputs[i])
    reduced: Tensor = rule.reducer(inputs, ones)
    return reduced


def form_of(
    rule: BasicHook, inputs: Sequence[Tensor], i: int
) -> tuple[float | None, bool]:
    """Find the factor by which a reducer multiplies, and whether by the input."""
    reduced = reduce_one(rule, inputs, i)
    first = float(reduced.flatten()[0])
    if bool((reduced == first).all()):
        return first, False
    nonzero = inputs[i] != 0
    if not bool(nonzero.any()):
        return None, True
    ratio = float((reduced[nonzero] / inputs[i][nonzero])[0])
    if torch.allclose(reduced, inputs[i] * ratio):
        return round(ratio, 12), True
    return None, True


def slopes_of(
    modify: Callable[[Tensor], Tensor], probe: Tensor
) -> tuple[float, float] | None:
    """Find what a modified input is of a positive input and of a negative one.

    The input itself gives (1, 1), its positive part (1, 0).

    Returns: none for a modifier that is not proportional to its input, as Flat's.
    """
    if bool(modify(torch.zeros_like(probe)).any()):
        return None
    found = []
    for inputs in (probe, -probe):
        once, twice = modify(inputs), modify(2.0 * inputs)
        slope = float((once / inputs).flatten()[0])
        if not torch.allclose(torch.stack([once, twice / 2.0]), inputs * slope):
            return None
        found.append(slope)
    return found[0], found[1]
