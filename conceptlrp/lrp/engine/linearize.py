"""LRP rules as linear maps: what a rule does to relevance at one forward pass.

For a fixed input every rule is linear in the relevance R that arrives. zennit
builds its rules from modified inputs x_i, modified weights w_i, a mapper that
divides R by a denominator, and a reducer that multiplies by the inputs. Hence

    R_in = sum_i  a_i * conv^T(m_i * R, w_i)

with a multiplier a_i at the input, weights w_i and a scale m_i at the output,
all three read from the rule's own functions: the multiplier is what the reducer
makes of a gradient of one, the scale what the mapper makes of a relevance of
one. So any rule made of such parts is understood, not only those with a name. In
P = a~ w~ / stab(z~) they are, in this order, a~, w~ and 1 / stab(z~).

The same three give the map in the other direction, which carries tangents
upwards: T_out = sum_i m_i * conv(a_i * T, w_i).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from conceptlrp.lrp._zennit import BasicHook, ParamMod
from conceptlrp.lrp.engine.geometry import (
    Shape,
    as_convolution,
    channels_last,
    dense_weight,
    product,
)
from conceptlrp.lrp.engine.program import Operation, UnknownOperationError
from conceptlrp.lrp.engine.rule_forms import (
    ScaleForm,
    closed_above,
    form_of,
    reduce_one,
    scale_forms,
    scales_of,
    slopes_of,
)


@dataclass(frozen=True)
class Branch:
    """One term of a rule at one forward pass.

    ``multiplier`` (N, C, H, W) is what relevance is multiplied with at the input, a
    number where it is the same everywhere; ``weight`` (O, C, h, w) the modified
    weights; ``scale`` (N, O, H', W') what it is multiplied with at the output; ``bias``
    (O,) what absorbs relevance in the denominator, by the same scale. ``slopes`` is
    what the multiplier is of a positive input and of a negative one, None where it is
    not proportional to the input.
    """

    multiplier: Tensor | float
    weight: Tensor
    scale: Tensor
    bias: Tensor | None = None
    slopes: tuple[float, float] | None = None

    def per_unit(self, features: Tensor, *, nonnegative: bool) -> Tensor | float:
        """Return the multiplier a unit of input (N, C, H, W): that of its sign."""
        assert self.slopes is not None
        positive, negative = self.slopes
        # A dead unit counts as positive: what it would pass on if it woke.
        if positive == negative or nonnegative:
            return positive
        return torch.where(features >= 0, positive, negative).to(features)

    def take(self, rows: slice) -> "Branch":
        """Return the same of some of the positions."""
        multiplier = self.multiplier
        if not isinstance(multiplier, float):
            multiplier = multiplier[rows]
        return replace(self, multiplier=multiplier, scale=self.scale[rows])


def _flat(weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return weights and biases (O, ...) as one vector in double precision."""
    if bias is None:
        bias = weight.new_zeros(len(weight))
    return torch.cat([weight.flatten(), bias]).double()


def _rows(maps: Tensor) -> Tensor:
    """Return maps (N, C, H, W) as vectors (N, H * W * C), as they lie in memory."""
    return maps.permute(0, 2, 3, 1).flatten(1)


@dataclass(frozen=True)
class _Part:
    """One modified input and weight of a rule, read once."""

    modify_input: Callable[[Tensor], Tensor]
    modify_output: Callable[[Tensor], Tensor]
    weight: Tensor
    bias: Tensor | None
    is_plain: bool
    keeps: bool
    keeps_positive: bool
    vanishes: bool
    factor: float | None
    takes_input: bool
    is_proportional: bool
    slopes: tuple[float, float] | None

    @property
    def is_output(self) -> bool:
        """Whether it computes the output of the operation itself."""
        return self.is_plain and self.keeps

    @property
    def absorbing(self) -> Tensor | None:
        """The bias as the reducer counts it, None where there is none."""
        if self.bias is None or self.factor is None:
            return None
        return self.bias * self.factor


class _Lazy(dict[int, Tensor]):
    """A tensor for each part of a rule, made when it is first asked for."""

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, i: int) -> Tensor:
        self[i] = self._make(i)
        return self[i]


class LinearRule:
    """A rule of a convolution, linear module or pooling, ready for any input."""

    def __init__(
        self,
        operation: Operation,
        shape: tuple[int, ...],
        *,
        nonnegative: bool,
        like: Tensor,
    ) -> None:
        self.operation = operation
        self.geometry, weight, self.bias = as_convolution(operation, shape)
        self.is_dense = isinstance(operation.module, nn.Linear)
        self.weight = self._in_order(weight.to(like))
        self._matrices: dict[tuple[int, ...], Tensor] = {}
        self.nonnegative = nonnegative
        rule = operation.rule
        if rule is not None and not isinstance(rule, BasicHook):
            msg = f"rule {type(rule).__name__} of '{operation.label}' is not known"
            raise UnknownOperationError(msg)
        self.rule: BasicHook | None = rule
        self.parts = [] if rule is None else self._read_parts(rule)
        self.guards = rule is not None and self._divides_by_zero(rule)
        self.forms = [] if rule is None else self._read_forms(rule)
        #: Whether there is no relevance where the output is not positive.
        self.is_gated = False
        self._closed = [] if rule is None else self._read_closed(rule)
        self._combined = {i: self._combination(i) for i in range(len(self.parts))}

    def _in_order(self, weight: Tensor) -> Tensor:
        """Lay weights out as the fastest kernel wants them."""
        return channels_last(weight)

    @property
    def n_terms(self) -> int:
        """Number of terms that the rule has on this input."""
        return 1 if self.rule is None else len(self.terms())

    def terms(self, *, every: bool = False) -> list[int]:
        """Return the numbers of the parts that are not zero for sure.

        Where the output is gated, terms for outputs that are not positive are zero
        under relevance that comes from above; `every` counts them all the same.
        """
        drops = self.is_gated and not every
        return [
            i
            for i, part in enumerate(self.parts)
            if not self._is_dead(part) and not (drops and self._closed[i])
        ]

    @property
    def is_proportional(self) -> bool:
        """Whether what it sends is zero wherever its input is."""
        return self.rule is not None and all(
            part.is_proportional or self._is_dead(part) for part in self.parts
        )

    @property
    def multiplies(self) -> bool:
        """Whether relevance is multiplied by the input, by the branch of its sign."""
        living = [part for part in self.parts if not self._is_dead(part)]
        return self.rule is not None and all(part.slopes for part in living)

    @property
    def is_flat(self) -> bool:
        """Whether it treats all output channels alike, as the Flat rule does."""
        # Its tangents are then one column for all channels, which saves almost all
        # of the work of the layer above (see `sweep._spread`).
        return self.rule is not None and all(
            not part.takes_input and bool((part.weight == part.weight[:1]).all())
            for part in self.parts
        )

    def _is_dead(self, part: "_Part") -> bool:
        """Whether a part is zero for sure, on this input or on any.

        Behind a ReLU no input is negative, so that the parts which Gamma and AlphaBeta
        have for negative inputs take and give nothing.
        """
        return (part.vanishes and self.nonnegative) or part.factor == 0.0

    def apply(self, features: Tensor) -> Tensor:
        """Compute the operation itself, of shape (N, O, H', W')."""
        return self.convolve(features, self.weight, self.bias)

    def convolve(
        self, features: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Convolve with given weights."""
        g = self.geometry
        if self.is_dense:
            vectors = product(_rows(features), _rows(weight).T, bias)
            return channels_last(vectors[:, :, None, None])
        return functional.conv2d(
            features, weight, bias, g.stride, g.padding, g.dilation, g.groups
        )

    def matrix(self, *weights: Tensor) -> Tensor:
        """Return weights (O, C, h, w) as a matrix (h * w * C, O), made once.

        Of several weights the columns lie side by side; one stands for all where they
        are alike, as under the Flat rule.
        """
        key = tuple(id(weight) for weight in weights)
        known = self._matrices.get(key)
        if known is None:
            # Taps outermost: the rows that a kernel reads are gathered side by side,
            # tap by tap, and a run of taps is then a slice of this matrix.
            parts = [w.permute(2, 3, 1, 0).reshape(-1, len(w)) for w in weights]
            known = torch.cat(parts, 1).contiguous()
            if bool((known == known[:, :1]).all()):
                known = known[:, :1].contiguous()
            own = {id(part.weight) for part in self.parts}
            if own.issuperset(key):
                self._matrices[key] = known
        return known

    def transpose(self, relevance: Tensor, weight: Tensor, size: Shape) -> Tensor:
        """Apply the transposed convolution, to an input of height and width size."""
        g = self.geometry
        if self.is_dense:
            maps = product(_rows(relevance), _rows(weight))
            return maps.view(-1, *size, weight.shape[1]).permute(0, 3, 1, 2)
        # What a stride larger than one left unread at the far edge gets no relevance,
        # but has to be there: torch's output padding.
        rest = [
            size[i]
            - (
                (relevance.shape[2 + i] - 1) * g.stride[i]
                - 2 * g.padding[i]
                + g.dilation[i] * (g.kernel[i] - 1)
                + 1
            )
            for i in (0, 1)
        ]
        relevance = channels_last(relevance)
        return functional.conv_transpose2d(
            relevance, weight, None, g.stride, g.padding, rest, g.groups, g.dilation
        )

    def branches(
        self, features: Tensor, output: Tensor, *, every: bool = False
    ) -> list[Branch]:
        """Return the terms of the rule at one forward pass; see `terms`.

        Shapes: `features` (N, C, H, W), `output` (N, O, H', W').
        """
        if self.rule is None:
            # The gradient: P = w.
            return [Branch(1.0, self.weight, torch.ones_like(output))]
        inputs = self._inputs(features)
        outputs = _Lazy(lambda i: self._output(i, features, inputs, outputs, output))
        terms = self.terms(every=every)
        scales = self._scales(terms, outputs, output, gated=self.is_gated and not every)
        return [
            Branch(
                self._multiplier(i, inputs),
                self.parts[i].weight,
                scale,
                self.parts[i].absorbing,
                self.parts[i].slopes,
            )
            for i, scale in zip(terms, scales, strict=True)
        ]

    def multipliers(self, features: Tensor) -> list[Tensor | float]:
        """Return what all terms multiply by at the input, gated or not."""
        inputs = self._inputs(features)
        terms = self.terms(every=True)
        return [self._multiplier(i, inputs) for i in terms] if self.rule else [1.0]

    def _inputs(self, features: Tensor) -> _Lazy:
        return _Lazy(lambda i: self._input(self.parts[i], features))

    def _scales(
        self, terms: list[int], outputs: _Lazy, output: Tensor, *, gated: bool
    ) -> list[Tensor]:
        """Return what relevance is multiplied with at the output, term by term."""
        assert self.rule is not None
        forms = [self.forms[i] for i in terms]
        if None not in forms:
            made: dict[ScaleForm, Tensor] = {}
            # Terms that divide by the same sum share one tensor.
            for form in forms:
                if form is not None and form not in made:
                    scale = form.scale(outputs, gated=gated)
                    made[form] = scale.expand_as(output)
            return [made[form] for form in forms if form is not None]
        every = [outputs[i] for i in range(len(self.parts))]
        found = scales_of(self.rule, torch.ones_like(output), every)
        if self.guards:
            # With an epsilon of 0, a neuron whose inputs are all zero divides 0
            # by 0; it has nothing to hand on.
            found = [s.masked_fill(~s.isfinite(), 0.0) for s in found]
        return [found[i] for i in terms]

    def _input(self, part: _Part, features: Tensor) -> Tensor:
        """Modify the input, unless the modifier leaves it as it is or zero."""
        # A dead part's input is never read, so that it need not be made.
        unchanged = part.keeps_positive or self._is_dead(part)
        if self.nonnegative and unchanged and part.factor is not None:
            return features
        return part.modify_input(features)

    def _output(
        self, i: int, features: Tensor, inputs: _Lazy, outputs: _Lazy, output: Tensor
    ) -> Tensor:
        part, combined = self.parts[i], self._combined[i]
        if combined is not None:
            other, alpha, beta = combined
            return (output * alpha).add_(outputs[other], alpha=beta)
        if part.is_plain and inputs[i] is features:
            # The forward pass has computed this convolution already.
            return part.modify_output(output)
        if part.vanishes and self.nonnegative:
            # A convolution of zeros is the bias, the same at every square.
            flat = output.new_zeros(1, output.shape[1], 1, 1)
            return flat if part.bias is None else flat + part.bias[:, None, None]
        return part.modify_output(self.convolve(inputs[i], part.weight, part.bias))

    def _combination(self, i: int) -> tuple[int, float, float] | None:
        """Find another part of which, and of the output, this part's output is a sum.

        Gamma has w + g w+ for positive outputs and w + g w- for negative ones, which is
        (2 + g) w less the former: a convolution less. Only for terms that the output's
        own sign opens, as a difference of what nearly cancels would be inexact.
        """
        part, form = self.parts[i], self.forms[i]
        if form is None or form.gate is None or not self.parts[form.gate].is_output:
            return None
        for j, other in enumerate(self.parts[:i]):
            if not (part.keeps and other.keeps) or other.is_plain or part.is_plain:
                continue
            known = [_flat(self.weight, self.bias), _flat(other.weight, other.bias)]
            basis, wanted = torch.stack(known), _flat(part.weight, part.bias)
            if basis.isfinite().all() and bool(torch.linalg.det(basis @ basis.T) > 0):
                alpha, beta = torch.linalg.solve(basis @ basis.T, basis @ wanted)
                rest = (alpha * known[0] + beta * known[1] - wanted).abs().max()
                exact = 1e-6 if self.weight.dtype is torch.float32 else 1e-12
                if rest <= exact * wanted.abs().max():
                    return j, float(alpha), float(beta)
        return None

    def _multiplier(self, i: int, inputs: _Lazy) -> Tensor | float:
        part = self.parts[i]
        if part.factor is None:
            # A reducer of no form that `form_of` knows is asked for every input.
            assert self.rule is not None
            every = [inputs[k] for k in range(len(self.parts))]
            return reduce_one(self.rule, every, i)
        if not part.takes_input:
            return part.factor
        return inputs[i] if part.factor == 1.0 else inputs[i] * part.factor

    def _read_parts(self, rule: BasicHook) -> list[_Part]:
        """Read modified weights, and what the rule does to probing inputs.

        Positive inputs show what a modifier leaves of the output of a ReLU, inputs of
        both signs what the reducer multiplies by.
        """
        size = self.geometry.kernel
        generator = torch.Generator().manual_seed(0)
        channels = self.weight.shape[1] * self.geometry.groups
        probe = torch.rand(2, channels, *size, generator=generator) + 0.5
        probe = probe.to(self.weight)
        mixed = probe - 1.0
        holes = mixed * (mixed.abs() > 0.2)
        positive = [modify(probe) for modify in rule.input_modifiers]
        signed = [modify(mixed) for modify in rule.input_modifiers]
        holed = [modify(holes) for modify in rule.input_modifiers]
        parts = []
        mods = zip(
            rule.input_modifiers,
            rule.param_modifiers,
            rule.output_modifiers,
            strict=True,
        )
        for i, (input_mod, param_mod, output_mod) in enumerate(mods):
            weight, bias = self._modified(param_mod)
            factor, takes_input = form_of(rule, signed, i)
            keeps_positive = torch.equal(positive[i], probe)
            unchanged = signed[i] is mixed or (
                self.nonnegative and keeps_positive and factor is not None
            )
            parts.append(
                _Part(
                    modify_input=input_mod,
                    modify_output=output_mod,
                    weight=weight,
                    bias=bias,
                    is_plain=weight is self.weight and bias is self.bias,
                    keeps=unchanged and torch.equal(output_mod(mixed), mixed),
                    keeps_positive=keeps_positive,
                    vanishes=takes_input and not bool(positive[i].any()),
                    factor=factor,
                    takes_input=takes_input,
                    is_proportional=takes_input
                    and not bool(reduce_one(rule, holed, i)[holes == 0].any()),
                    slopes=slopes_of(input_mod, probe, factor if takes_input else None),
                )
            )
        return parts

    def _read_forms(self, rule: BasicHook) -> list[ScaleForm | None]:
        """Read the forms of scales, sums without what is zero behind a ReLU."""
        empty = {
            i
            for i, part in enumerate(self.parts)
            if part.vanishes and self.nonnegative and part.bias is None
        }
        return [
            form
            and replace(form, summed=tuple(set(form.summed) - empty) or form.summed)
            for form in scale_forms(rule)
        ]

    def _read_closed(self, rule: BasicHook) -> list[bool]:
        """Read which terms are zero wherever the output itself is positive."""
        return [
            any(c and part.is_output for c, part in zip(row, self.parts, strict=True))
            for row in closed_above(rule)
        ]

    def _modified(self, param_mod: Any) -> tuple[Tensor, Tensor | None]:
        module = self.operation.module
        assert module is not None
        if not isinstance(module, nn.Conv2d | nn.Linear):
            return self.weight, None
        with ParamMod.ensure(param_mod)(module) as modified:
            # Zeros between groups come last: some rules would fill them, as Flat does.
            weight = dense_weight(module, modified.weight).reshape(self.weight.shape)
            weight = self._in_order(weight)
            bias = None if modified.bias is None else modified.bias.detach()
        if torch.equal(weight, self.weight):
            weight = self.weight
        if bias is not None and self.bias is not None and torch.equal(bias, self.bias):
            bias = self.bias
        elif bias is not None and not bool(bias.any()):
            bias = None
        return weight, bias

    def _divides_by_zero(self, rule: BasicHook) -> bool:
        outputs = [self.weight.new_zeros(1, 1, 1, 1)] * len(self.parts)
        scales = scales_of(rule, self.weight.new_ones(1, 1, 1, 1), outputs)
        return not all(bool(scale.isfinite().all()) for scale in scales)
