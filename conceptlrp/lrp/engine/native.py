"""Relevance without hooks: every rule as a linear map that is known in advance.

One forward pass keeps the input and output of every operation. Relevance of
any number of targets then goes down in one sweep: an ordinary transposed
convolution a term of a rule, with no module run again where the rule divides
by what the forward pass has already computed.

Shapes use N positions, T targets, P planes and C channels of an H x W map.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from conceptlrp.lrp._zennit import Activation, Epsilon, Norm, Pass
from conceptlrp.lrp.engine.elementwise import GROUPED, MIXING, Affine, Centre, Scaled
from conceptlrp.lrp.engine.gating import find_gated, hides, producers
from conceptlrp.lrp.engine.geometry import channels_last
from conceptlrp.lrp.engine.lifting import HANDING_ON, Lift, Lifting, add_to, find_lifts
from conceptlrp.lrp.engine.linearize import Branch, LinearRule
from conceptlrp.lrp.engine.moving import choose, chosen, give_back
from conceptlrp.lrp.engine.program import Operation, Program, UnknownOperationError
from conceptlrp.lrp.engine.rule_forms import scale_forms, scales_of

_NONNEGATIVE = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Softplus)
_LINEAR = ("conv", "pool")
_SUMS = ("add", "centre")
_PROPORTIONAL = Norm()


class NativeEngine:
    """A program with its rules, ready for forward passes.

    Shapes: `planes` (1, P, 8, 8).
    """

    def __init__(
        self, program: Program, planes: Tensor, *, plain_sums: bool = False
    ) -> None:
        self.program = program
        self.plain_sums = plain_sums
        self.readers = program.readers()
        self.rules: dict[str, LinearRule] = {}
        self.sums = {
            name: scale_forms(operation.rule or _PROPORTIONAL)[0]
            for name, operation in program.operations.items()
            if operation.kind in _SUMS
        }
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.nonnegative: dict[str, bool] = {}
        values: dict[str, Tensor] = {}
        # One board tells the shapes, and which values can never be negative.
        for operation in program.operations.values():
            self._prepare(operation, values, planes)
        hidden = {
            name: hides(operation.module, values[name])
            for name, operation in program.operations.items()
            if isinstance(operation.module, Activation)
        }
        gated = find_gated(
            program, self.rules, self.nonnegative, hidden, plain_sums=plain_sums
        )
        for name, rule in self.rules.items():
            rule.is_gated = name in gated

    def _prepare(
        self, operation: Operation, values: dict[str, Tensor], planes: Tensor
    ) -> None:
        name = operation.name
        sources = [values[source] for source in operation.inputs]
        if operation.kind in _LINEAR:
            self.rules[name] = LinearRule(
                operation,
                tuple(sources[0].shape[1:]),
                nonnegative=self.nonnegative[operation.inputs[0]],
                like=planes,
            )
        _check_rule(operation, plain_sums=self.plain_sums)
        module = operation.module
        if isinstance(module, GROUPED) and sources[0].shape[1] % module.groups:
            # In a flattened map a group may end within a channel.
            msg = f"the groups of '{operation.label}' are not known"
            raise UnknownOperationError(msg)
        values[name] = self.compute(operation, sources, planes)
        self.shapes[name] = tuple(values[name].shape[1:])
        self.nonnegative[name] = _is_nonnegative(operation, self.nonnegative)

    def compute(
        self, operation: Operation, sources: list[Tensor], planes: Tensor
    ) -> Tensor:
        """Compute an operation; every value is a map, a vector one of one square."""
        if operation.kind == "input":
            return planes
        if operation.kind in _LINEAR:
            return self.rules[operation.name].apply(sources[0])
        if operation.kind == "add":
            return sources[0] + sources[1]
        if operation.kind == "cat":
            return torch.cat(sources, 1)
        if isinstance(operation.module, Affine | Centre | Scaled):
            return operation.module.value(sources[0])
        if operation.kind == "gate":
            return sources[0] * sources[1]
        if operation.kind == "choice" and operation.module is not None:
            found = choose(sources[0], chosen(operation.module, sources[0]))
            fill = getattr(operation.module, "fill", None)
            return found if fill is None else found + fill
        if operation.kind == "pass" and operation.module is not None:
            result: Tensor = operation.module(sources[0])
            return result
        return sources[0]

    def exposed(self, starts: Collection[str]) -> frozenset[str]:
        """Return the operations that need all terms where relevance starts.

        Relevance that starts at values of either sign, in proportion to them, is not
        zero at dead units.
        """
        signed = [name for name in starts if not self.nonnegative[name]]
        return producers(self.program, signed)

    def refusal(self, name: str) -> str:
        """Say why relevance a unit of an operation is not known; empty if it is."""
        for reader in self.readers[name]:
            rule = self.rules.get(reader.name)
            if rule is not None and not rule.multiplies:
                kind = "no rule" if rule.rule is None else type(rule.rule).__name__
                return (
                    f"'{reader.label}' reads it under {kind}, which does not multiply "
                    "by the activation"
                )
            reason = self.refusal(reader.name) if reader.kind in HANDING_ON else ""
            if reason:
                return reason
        return ""

    def forward(self, planes: Tensor) -> "NativeForward":
        """Run the network on planes (N, P, 8, 8) and keep what relevance needs."""
        values: dict[str, Tensor] = {}
        planes = channels_last(planes)
        with torch.no_grad():
            for operation in self.program.operations.values():
                sources = [values[source] for source in operation.inputs]
                values[operation.name] = self.compute(operation, sources, planes)
        return NativeForward(self, values)


def _check_rule(operation: Operation, *, plain_sums: bool) -> None:
    known: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(_SUMS, (Norm, Epsilon)),
        "pass": (Pass,),
        "choice": (),
    }
    allowed = known.get(operation.kind)
    if operation.rule is None or allowed is None:
        plain = not isinstance(operation.module, Activation) or isinstance(
            operation.module, nn.ReLU
        )
        if plain or plain_sums or operation.rule is not None:
            return
    elif isinstance(operation.rule, allowed):
        return
    rule = "no rule" if operation.rule is None else type(operation.rule).__name__
    kind = type(operation.module).__name__
    msg = f"{rule} of '{operation.label}' ({kind}) is not known"
    raise UnknownOperationError(msg)


def _is_nonnegative(operation: Operation, known: Mapping[str, bool]) -> bool:
    if isinstance(operation.module, _NONNEGATIVE):
        return True
    if isinstance(operation.module, Affine):
        parts = (operation.module.weight, operation.module.bias)
        keeps = all(part is None or bool((part >= 0).all()) for part in parts)
        return keeps and known[operation.inputs[0]]
    fill = getattr(operation.module, "fill", None)
    if fill is not None and bool((fill < 0).any()):
        return False
    if operation.kind in ("pool", "add", "pass", *HANDING_ON):
        keeps = operation.kind != "pass" or isinstance(
            operation.module, nn.Identity | nn.Dropout | nn.Dropout2d
        )
        return keeps and all(known[source] for source in operation.inputs)
    return False


@dataclass(frozen=True)
class NativeForward:
    """One forward pass, ready for relevance to flow.

    ``values`` are the outputs of all operations by name: maps (N, C, H, W). ``cut``
    (N, C, H, W) tells which units of an operation were changed, so that they depend on
    nothing below and relevance stops there.
    """

    engine: NativeEngine
    values: dict[str, Tensor]
    _branches: dict[tuple[str, bool], list[Branch]] = field(default_factory=dict)
    cut: Mapping[str, Tensor] = field(default_factory=dict)

    def take(self, rows: slice) -> "NativeForward":
        """Return the same of some of the positions."""
        values = {name: value[rows] for name, value in self.values.items()}
        known = {
            name: [branch.take(rows) for branch in branches]
            for name, branches in self._branches.items()
        }
        cut = {name: mask[rows] for name, mask in self.cut.items()}
        return NativeForward(self.engine, values, known, cut)

    def branches(self, name: str, *, every: bool = False) -> list[Branch]:
        """Return the terms of the rule of a convolution or pooling, made once.

        Terms that are zero under relevance from above are left out unless `every`.
        """
        rule = self.engine.rules[name]
        every = every and rule.is_gated
        if (name, every) not in self._branches:
            operation = self.engine.program.operations[name]
            source, output = self.values[operation.inputs[0]], self.values[name]
            found = rule.branches(source, output, every=every)
            self._branches[name, every] = found
        return self._branches[name, every]

    def relevance(
        self,
        starts: Mapping[str, Tensor],
        wanted: tuple[str, ...],
        *,
        baselines: Mapping[str, Tensor] | None = None,
        every: Collection[str] = (),
        summed: bool = False,
    ) -> dict[str, Tensor]:
        """Send relevance from operations down to the wanted ones.

        Relevance may start at any unit of an operation of which `every` names the
        `producers`; elsewhere only where the value is not zero.

        Shapes: `starts` (N, T, C, H, W), `baselines` (N or 1, C, H, W). Returns
        (N, T, C, H, W): relevance of the outputs of the wanted operations, above the
        baseline where an operation has one, and then (N, T, C) if `summed`. Where
        relevance starts, it stays itself.
        """
        # In reverse order of execution, everything that reads an operation has sent its
        # share before the operation hands on what arrived.
        every = self.engine.exposed(starts) | frozenset(every)
        arrived = dict(starts)
        found: dict[str, Tensor] = {}
        lifting = Lifting(self.lifts(baselines or {}), starts, summed)
        above = self.engine.program.above(wanted)
        for operation in reversed(self.engine.program.operations.values()):
            name = operation.name
            relevance = arrived.pop(name, None)
            if name in wanted and relevance is not None:
                found[name] = lifting.above(name, relevance)
            if relevance is None or name not in above:
                continue
            relevance = self.handed_down(name, relevance)
            lifting.begin(name, self.values[name])
            sent = self._send(operation, relevance, lifting, every=name in every)
            # What has just been made may be added to, unlike what was handed on.
            own = operation.kind in _LINEAR
            for source, part in sent:
                total = arrived.get(source) if own else None
                if total is not None:
                    arrived[source] = part.add_(total)
                else:
                    add_to(arrived, source, part)
        n_targets = next(iter(starts.values())).shape[1]
        return {
            name: found[name] if name in found else self._zeros(name, n_targets)
            for name in wanted
        }

    def lifts(self, baselines: Mapping[str, Tensor]) -> dict[str, list[Lift]]:
        """Return baselines (N or 1, C, H, W) of operations as others read them."""
        return find_lifts(self.engine.program, self.values, baselines, self.cut)

    def handed_down(self, name: str, relevance: Tensor) -> Tensor:
        """Return the relevance (N, T, C, H, W) of units that depend on those below."""
        if name not in self.cut:
            return relevance
        return relevance.masked_fill(self.cut[name][:, None], 0)

    def _zeros(self, name: str, n_targets: int) -> Tensor:
        value = self.values[name]
        return value.new_zeros(len(value), n_targets, *value.shape[1:])

    def _send(
        self, operation: Operation, relevance: Tensor, lifting: Lifting, *, every: bool
    ) -> list[tuple[str, Tensor]]:
        """Redistribute relevance (N, T, C, H, W) of an operation to its inputs."""
        sources, module = operation.inputs, operation.module
        if operation.kind in _LINEAR:
            sent = self._send_linear(operation, relevance, lifting, every=every)
            return [(sources[0], sent)]
        if operation.kind == "add":
            parts = self._send_sum(operation, relevance, lifting)
            return list(zip(sources, parts, strict=True))
        if self.engine.plain_sums and isinstance(module, MIXING):
            return self._differentiate(operation, relevance)
        if operation.kind == "centre":
            return [(sources[0], self._send_centred(operation, relevance, lifting))]
        if operation.kind == "cat":
            # Each input of a concatenation gets back its own channels.
            widths = [self.values[source].shape[1] for source in sources]
            parts = list(torch.split(relevance, widths, 2))
            return list(zip(sources, parts, strict=True))
        if operation.kind == "choice":
            shape = self.engine.shapes[sources[0]]
            return [(sources[0], give_back(relevance, self.chosen(operation), shape))]
        if operation.kind == "affine" and sources[0] in lifting.lifts:
            assert isinstance(module, Affine)
            value = self.values[sources[0]]
            per_unit = relevance * module.per_unit(value)[:, None]
            lifting.gather(sources[0], per_unit, value, 1.0)
        gate = self.gate(operation)
        passed = relevance if isinstance(gate, float) else relevance * gate
        return [(sources[0], passed)]

    def _send_linear(
        self, operation: Operation, relevance: Tensor, lifting: Lifting, *, every: bool
    ) -> Tensor:
        rule = self.engine.rules[operation.name]
        name = operation.inputs[0]
        source, nonnegative = self.values[name], self.engine.nonnegative[name]
        sent: Tensor | None = None
        for branch in self.branches(operation.name, every=every):
            # R_in = a~ * conv^T(R / stab(z~), w~), targets being more positions to the
            # convolution, since scale and multiplier depend on the position alone.
            scaled = (relevance * branch.scale[:, None]).flatten(0, 1)
            size = (source.shape[2], source.shape[3])
            back = rule.transpose(scaled, branch.weight, size)
            part = torch.unflatten(back, 0, relevance.shape[:2])
            if name in lifting.lifts and isinstance(branch.multiplier, Tensor):
                slope = branch.per_unit(source, nonnegative=nonnegative)
                lifting.gather(name, part, branch.multiplier, slope)
            if isinstance(branch.multiplier, Tensor) or branch.multiplier != 1.0:
                part.mul_(expand(branch.multiplier))
            sent = part if sent is None else sent.add_(part)
        assert sent is not None
        return sent

    def _send_sum(
        self, operation: Operation, relevance: Tensor, lifting: Lifting
    ) -> list[Tensor]:
        if self.engine.plain_sums:
            return [relevance] * len(operation.inputs)
        scaled = relevance * self.sum_scale(operation)[:, None]
        for source in operation.inputs:
            lifting.gather(source, scaled, self.values[source], 1.0)
        *others, last = (self.values[source][:, None] for source in operation.inputs)
        return [*(scaled * value for value in others), scaled.mul_(last)]

    def _differentiate(
        self, operation: Operation, slopes: Tensor
    ) -> list[tuple[str, Tensor]]:
        """Send derivatives (N, T, C, H, W) down, to gates too."""
        sources = [self.values[n].detach().requires_grad_() for n in operation.inputs]
        with torch.enable_grad():
            value = self.engine.compute(operation, sources, sources[0])
        by_target = slopes.transpose(0, 1)
        parts = torch.autograd.grad(value, sources, by_target, is_grads_batched=True)
        sent = [part.transpose(0, 1) for part in parts]
        return list(zip(operation.inputs, sent, strict=True))

    def _send_centred(
        self, operation: Operation, relevance: Tensor, lifting: Lifting
    ) -> Tensor:
        module, name = operation.module, operation.inputs[0]
        assert isinstance(module, Centre)
        scaled = (relevance * self.sum_scale(operation)[:, None]).flatten(0, 1)
        part = torch.unflatten(module.value(scaled), 0, relevance.shape[:2])
        lifting.gather(name, part, self.values[name], 1.0)
        return part.mul_(self.values[name][:, None])

    def chosen(self, operation: Operation) -> Tensor:
        """Return the number (N or 1, C, H, W) of the unit that each one is."""
        assert operation.module is not None
        return chosen(operation.module, self.values[operation.inputs[0]])

    def sum_scale(self, operation: Operation) -> Tensor:
        """Return what relevance of a sum or centre is divided by, inverted."""
        # Handed on whole, relevance would double at every residual block.
        rule = operation.rule or _PROPORTIONAL
        total = self.values[operation.name]
        form = self.engine.sums[operation.name]
        if form is not None:
            return form.scale({0: total})
        return scales_of(rule, torch.ones_like(total), [total])[0]

    def gate(self, operation: Operation) -> Tensor | float:
        """Return what an elementwise operation multiplies relevance with."""
        module, first = operation.module, operation.inputs[0]
        if isinstance(module, Affine) and self.engine.plain_sums:
            value = self.values[first]
            return module.slope(value)[:, None]
        if operation.kind == "affine" and isinstance(module, Affine):
            return module.share(self.values[first])[:, None]
        if isinstance(operation.rule, Pass) or not isinstance(module, Activation):
            return 1.0
        # Without a rule an activation passes relevance on by its derivative;
        # `_check_rule` lets only ReLU come this far, and any as a gradient.
        source = self.values[operation.inputs[0]]
        if isinstance(operation.module, nn.ReLU):
            return (source > 0)[:, None].to(self.values[operation.name].dtype)
        with torch.enable_grad():
            leaf = source.detach().requires_grad_()
            (slope,) = torch.autograd.grad(module(leaf).sum(), leaf)
        return slope[:, None]


def expand(multiplier: Tensor | float) -> Tensor | float:
    """Add the axis of targets to a multiplier (N, C, H, W)."""
    return multiplier if isinstance(multiplier, float) else multiplier[:, None]


#: Values for an output (M, C, H, W) where a mask holds, everywhere for a mask of None.
#: Both broadcast.
Replaced = tuple[Tensor | None, Tensor]
#: What becomes of an output (M, C, H, W); a function is given it as it would have been.
Change = Replaced | Callable[[Tensor], Tensor]


def changed(change: Change, computed: Tensor) -> Tensor:
    """Return an output (M, C, H, W) with a change."""
    if not isinstance(change, tuple):
        return change(computed)
    mask, values = change
    return values if mask is None else torch.where(mask, values, computed)


def rerun(
    passed: NativeForward, changes: Mapping[str, Change], rows: Tensor
) -> dict[str, Tensor]:
    """Compute again what follows from changed outputs of operations.

    What does not, such as a skip connection around them, is as the forward pass left
    it. Shapes: `rows` (M,). Returns (M, C, H, W): the outputs that were computed again,
    changes made in order of execution.
    """
    values: dict[str, Tensor] = {}
    with torch.no_grad():
        for operation in passed.engine.program.operations.values():
            change, name = changes.get(operation.name), operation.name
            if isinstance(change, tuple) and change[0] is None:
                shape = passed.engine.shapes[name]
                values[name] = change[1].expand(len(rows), *shape)
                continue
            if not values.keys().isdisjoint(operation.inputs):
                sources = [
                    values[source] if source in values else passed.values[source][rows]
                    for source in operation.inputs
                ]
                found = passed.engine.compute(operation, sources, sources[0])
            elif change is not None:
                found = passed.values[name][rows]
            else:
                continue
            values[name] = found if change is None else changed(change, found)
    return values
