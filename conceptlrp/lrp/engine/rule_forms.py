"""What a rule does with inputs and outputs, found out by trying it.

A zennit rule divides relevance by a function of its outputs (the mapper) and
multiplies what comes back by its inputs (the reducer). Both are plain functions, so
that a user's rule is understood like one of zennit's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from conceptlrp.lrp._zennit import BasicHook


def scales_of(
    rule: BasicHook, relevance: Tensor, outputs: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Divide relevance by the outputs of a rule's parts, as its mapper does."""
    scales = rule.gradient_mapper(relevance, outputs)
    return (scales,) if isinstance(scales, Tensor) else tuple(scales)


@dataclass(frozen=True)
class ScaleForm:
    """By what a term of a rule multiplies relevance: factor / stab(sum of parts).

    ``summed`` numbers the parts, ``epsilon`` is the stabilizer's. Where there is a
    ``gate``, the part of that number must have the ``sign``, or the scale is zero.
    """

    summed: tuple[int, ...]
    epsilon: float
    factor: float = 1.0
    gate: int | None = None
    sign: int = 1

    def scale(self, outputs: Mapping[int, Tensor], *, gated: bool = False) -> Tensor:
        """Return the scale; `gated` leaves the gate out, where it need not close."""
        parts = [outputs[j] for j in self.summed]
        found = inverse(parts, self.epsilon, signed=gated)
        if self.factor != 1.0:
            found.mul_(self.factor)
        if self.gate is None or gated:
            return found
        value = outputs[self.gate]
        # One pass over memory, where a product with a mask takes two slow ones.
        open_ = value if self.sign > 0 else -value
        kept: Tensor = torch.ops.aten.threshold_backward(found, open_, 0.0)
        return kept


def scale_forms(rule: BasicHook) -> list[ScaleForm | None]:
    """Find the form of each term's scale, None for one that is of another form.

    What most rules do takes zennit seven passes over the outputs and `inverse` three;
    whether a rule is one of them is found by trying.
    """
    parts = _trial_outputs(rule)
    found: list[ScaleForm | None] = []
    for i, scale in enumerate(_unit_scales(rule, parts)):
        gate, sign = _gate(parts, scale)
        summed = tuple(j for j in range(len(parts)) if _depends(rule, parts, i, j))
        form = _fit(rule, i, ScaleForm(summed, 0.0, 0.0, gate, sign))
        fits = form is not None and torch.allclose(
            form.scale(dict(enumerate(parts))), scale, rtol=1e-9, atol=0.0
        )
        found.append(form if fits else None)
    return found


def closed_above(rule: BasicHook) -> list[list[bool]]:
    """Find which terms (outer) are zero wherever an output (inner) is positive."""
    parts = _trial_outputs(rule)
    return [
        [not bool(scale[part > 0].any()) for part in parts]
        for scale in _unit_scales(rule, parts)
    ]


def _trial_outputs(rule: BasicHook) -> list[Tensor]:
    """Return outputs of both signs: a stabilizer shows near zero, its sign at zero."""
    generator = torch.Generator().manual_seed(1)
    shape = (len(rule.input_modifiers), 2, 256)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    values *= 10.0 ** torch.arange(-8, 8, 0.0625, dtype=torch.float64)
    values[:, :, ::9] = 0.0
    return list(values)


def _unit_scales(rule: BasicHook, parts: Sequence[Tensor]) -> Sequence[Tensor]:
    return scales_of(rule, torch.ones_like(parts[0]), parts)


def _gate(parts: Sequence[Tensor], scale: Tensor) -> tuple[int | None, int]:
    """Find the part by whose sign a scale is zero or not."""
    for k, part in enumerate(parts):
        for sign in (1, -1):
            if torch.equal(scale != 0, sign * part > 0):
                return k, sign
    return None, 1


def _depends(rule: BasicHook, parts: Sequence[Tensor], i: int, j: int) -> bool:
    """Whether the size of an output, not its sign, changes a term's scale."""
    tripled = [3.0 * part if k == j else part for k, part in enumerate(parts)]
    return not torch.equal(_unit_scales(rule, parts)[i], _unit_scales(rule, tripled)[i])


def _fit(rule: BasicHook, i: int, form: ScaleForm) -> ScaleForm | None:
    """Find epsilon and factor from the scale at a sum of nearly zero and of one."""
    if not form.summed:
        return None
    found = []
    at = form.summed[0] if form.gate not in form.summed else form.gate
    for size in (1e-30, 1.0):
        parts = [torch.zeros(1, 1, dtype=torch.float64) for _ in rule.input_modifiers]
        parts[at] += size
        if form.gate is not None:
            parts[form.gate].fill_(form.sign * size)
        # The stabilizer has the sign of what it stabilizes.
        sign = math.copysign(1.0, parts[at])
        found.append(sign * float(_unit_scales(rule, parts)[i]))
    # factor / epsilon, infinite for none, and factor / (1 + epsilon).
    high, low = found
    if not 0 < low / high < 1 or math.isinf(high):
        return None
    epsilon = low / (high - low)
    return replace(form, epsilon=epsilon, factor=round(high * epsilon, 9))


def inverse(parts: Sequence[Tensor], epsilon: float, *, signed: bool = False) -> Tensor:
    """Return one over the stabilized sum of outputs, as zennit's Stabilizer does.

    If `signed`, a zero with a sign keeps it: where no relevance is, as at dead units.
    """
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    # Adding 0 makes a zero positive, for which the stabilizer's sign is +1.
    total = total if signed else total + 0.0
    shift = torch.copysign(total.new_tensor(epsilon), total)
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
    modify: Callable[[Tensor], Tensor], probe: Tensor, factor: float | None
) -> tuple[float, float] | None:
    """Find what a rule multiplies by, of a positive input and of a negative one.

    The input itself gives (1, 1), its positive part (1, 0), times the factor.

    Returns: none for what is not proportional to the input, as under Flat.
    """
    if factor is None or bool(modify(torch.zeros_like(probe)).any()):
        return None
    found = []
    for inputs in (probe, -probe):
        once, twice = modify(inputs), modify(2.0 * inputs)
        slope = float((once / inputs).flatten()[0])
        if not torch.allclose(torch.stack([once, twice / 2.0]), inputs * slope):
            return None
        found.append(slope)
    return found[0] * factor, found[1] * factor
