"""What operations do with relevance: pass it between channels, or absorb it.

The concept graph: channel c of a layer sends to channel c' of the layer that its
convolution reads

    E[c, c'] = sum over squares s and taps o of  m R[c, s] w[c, c', o] a[c', s + o]

with scale m, weights w and multiplier a of the convolution's rule. Summed over c
it is the relevance of c'; summed over c' it is the relevance of c less what bias
and stabilizer absorb. Above a baseline b, a - b takes the place of a, and the sum over
c is the relevance of c' above it, R staying plain. All pairs cost about one
convolution. A channel of a sum, as at the end of a residual block, sends to the same
channel of each layer that is summed. Through norms, poolings and whatever else may lie
between two layers, each channel's relevance goes down by itself.

Conservation: biases stand in the denominator of most rules and get no relevance,
stabilizers likewise, so less may arrive at the input than started at the target. The
report says how much, operation by operation, in the unit of the target.

Shapes use N positions, T targets, C channels above and D channels below.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.jsontext import plain
from conceptlrp.late import pd
from conceptlrp.lrp.engine.elementwise import Affine
from conceptlrp.lrp.engine.lifting import Lift
from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.program import Operation, Program
from conceptlrp.lrp.engine.tangents import tap_sites


@dataclass(frozen=True, repr=False)
class ConceptGraph:
    """Relevance between the channels of adjacent layers.

    Attributes
    ----------
    targets : tuple of str
        Names of the T targets.
    edges : dict of (str, str) to ndarray of shape (N, T, C, D) or (T, C, D)
        For each pair of upper and lower layer what channel c of the upper sends
        to channel d of the lower; without N it is the sum over all positions.
    positions : int
        Number of positions.
    """

    targets: tuple[str, ...]
    edges: dict[tuple[str, str], NDArray[np.floating]]
    positions: int

    def __repr__(self) -> str:
        pairs = ", ".join(f"{up} > {low}" for up, low in self.edges)
        names = ", ".join(self.targets)
        return f"ConceptGraph({names}; {pairs}; {self.positions:,} positions)"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; edges by "upper > lower"."""
        edges = {f"{up} > {low}": edge for (up, low), edge in self.edges.items()}
        return dict(plain({**vars(self), "edges": edges}))


#: Kinds of operations on single units, of whose inputs the first has all relevance.
_EACH = ("pass", "affine", "gate", "flatten")


@dataclass(frozen=True)
class Wire:
    """A convolution or sum by which a layer reads another, and nothing else does.

    ``above`` and ``below`` are operations on single units, from the upper layer down to
    it and from its input number ``place`` down to the lower layer, where units may also
    be chosen in each channel.
    """

    operation: Operation
    place: int
    above: tuple[Operation, ...]
    below: tuple[Operation, ...]

    @property
    def source(self) -> str:
        """The operation that is read."""
        return self.operation.inputs[self.place]

    def carry(self, passed: NativeForward, value: Tensor) -> Tensor:
        """Return the input for another value of the lower layer."""
        for operation in reversed(self.below):
            others = [passed.values[name] for name in operation.inputs[1:]]
            value = passed.engine.compute(operation, [value, *others], value)
        return value

    def share(
        self,
        passed: NativeForward,
        multiplier: Tensor,
        slope: Tensor | float | None,
        lifts: Mapping[str, list[Lift]],
    ) -> Tensor:
        """Return what the lower layer has of a multiplier (N, D, H', W') of the input.

        Above a baseline, as ``lifts`` have it, that is less ``slope`` times it. Biases
        between the two absorb the rest.
        """
        biased = [o for o in self.below if o.kind == "affine"]
        if lifts and not biased:
            assert slope is not None
            return multiplier - slope * lifts[self.source][0].baseline
        for operation in biased:
            value, module = passed.values[operation.inputs[0]], operation.module
            assert isinstance(module, Affine)
            above = value
            if lifts and operation is biased[-1]:
                above = value - lifts[operation.inputs[0]][0].baseline
            multiplier = multiplier * module.per_unit(value) * above
        return multiplier


def adjacent_layers(
    program: Program, nodes: Mapping[str, str]
) -> dict[tuple[str, str], Wire | None]:
    """Find the pairs of layers of which the upper depends on the lower directly.

    Returns: for each pair (upper, lower) the wire between them, None for several or for
    anything else, such as a norm or a pooling.
    """
    layers = {node: layer for layer, node in nodes.items()}
    pairs: dict[tuple[str, str], Wire | None] = {}
    for upper, node in nodes.items():
        above, turn = _descend(program, node, layers.keys() - {node})
        wired = turn.kind in ("conv", "add") and turn.name not in layers.keys() - {node}
        for place, source in enumerate(_flowing(turn) if wired else (turn.name,)):
            below, end = _descend(program, source, layers, (*_EACH, "choice"))
            wire = Wire(turn, place, above, below)
            # A bias has its share of units that a choice would have to move first.
            mixed = {"affine", "choice"} <= {each.kind for each in below}
            whole = wired and end.name in layers and not mixed
            for lower in _reached(program, source, layers, upper):
                twice = (upper, lower) in pairs
                pairs[upper, lower] = wire if whole and not twice else None
    return pairs


def _descend(
    program: Program, name: str, stops: Collection[str], kinds: Collection[str] = _EACH
) -> tuple[tuple[Operation, ...], Operation]:
    """Go down operations on single units to the first other one, or a stop."""
    passed, operation = [], program.operations[name]
    while operation.kind in kinds and operation.name not in stops:
        if not getattr(operation.module, "keeps", True):
            break
        passed.append(operation)
        operation = program.operations[operation.inputs[0]]
    return tuple(passed), operation


def _flowing(operation: Operation) -> tuple[str, ...]:
    """Return the inputs that relevance goes to."""
    return operation.inputs[:1] if operation.kind == "gate" else operation.inputs


def _reached(
    program: Program, name: str, layers: Mapping[str, str], upper: str
) -> list[str]:
    """Go down from an operation to the layers that are met first."""
    found, pending, seen = [], [name], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if layers.get(name, upper) != upper:
            found.append(layers[name])
        else:
            pending.extend(_flowing(program.operations[name]))
    return found


def edge_relevance(
    passed: NativeForward,
    wire: Wire,
    relevance: Tensor,
    *,
    accumulate: bool,
    lifts: Mapping[str, list[Lift]],
    every: bool = False,
) -> Tensor:
    """Compute what channels of a layer send by a wire to those of the lower one.

    With `every`, relevance may be at dead units; see `LinearRule.terms`.

    Shapes: `relevance` (N, T, C, H, W), plain; `lifts` the baseline of the lower layer,
    above which edges are taken. Returns (N, T, C, D), without N accumulated.
    """
    operation, source = wire.operation, passed.values[wire.source]
    for each in wire.above:
        relevance = relevance * passed.gate(each)
    if operation.kind == "add":
        sent = relevance * passed.sum_scale(operation)[:, None]
        # Channels of a sum do not mix: all that is sent lies on the diagonal.
        value = wire.share(passed, source, 1.0, lifts)
        sent = (sent * value[:, None]).sum((3, 4))
        return torch.diag_embed(sent.sum(0) if accumulate else sent)
    sites = tap_sites(passed.engine.rules[operation.name].geometry, *source.shape[2:])
    total: Tensor | None = None
    # The terms of a rule add up, as they do for relevance itself.
    for branch in passed.branches(operation.name, every=every):
        scaled = (relevance * branch.scale[:, None]).flatten(3)
        multiplier, slope = branch.multiplier, None
        if isinstance(multiplier, float):
            multiplier = torch.full_like(source, multiplier)
        elif lifts:
            slope = branch.per_unit(source, nonnegative=False)
        below = _multiplier_rows(wire.share(passed, multiplier, slope, lifts))
        multiply = _summed_products(scaled) if accumulate else _products(scaled)
        part = _weigh_taps(multiply, below, sites, branch.weight)
        total = part if total is None else total + part
    assert total is not None
    return total


def _multiplier_rows(multiplier: Tensor) -> Tensor:
    """Return the multiplier (N, S + 1, D), the last site zeros for the padding."""
    rows = multiplier.flatten(2).transpose(1, 2)
    return torch.cat([rows, rows.new_zeros(len(rows), 1, rows.shape[2])], 1)


def _weigh_taps(
    multiply: Callable[[Tensor], Tensor],
    below: Tensor,
    sites: NDArray[np.int64],
    weight: Tensor,
) -> Tensor:
    """Sum over taps the products of channels above and below, times the weight."""
    weights = weight.flatten(2)
    total: Tensor | None = None
    # For one tap the sum over squares is a matrix product of what arrives above with
    # what lies a tap away below. Its weight does not depend on the square and comes
    # after the sum, so nothing of size C x D x squares is ever made.
    for tap in range(sites.shape[1]):
        # Squares beyond the edge read the row of zeros at the end.
        index = np.where(sites[:, tap] < 0, below.shape[1] - 1, sites[:, tap])
        rows = below.index_select(1, torch.from_numpy(index).to(below.device))
        products = multiply(rows)
        products.mul_(weights[:, :, tap])
        total = products if total is None else total.add_(products)
    assert total is not None
    return total


def _products(scaled: Tensor) -> Callable[[Tensor], Tensor]:
    """Multiply (N, T, C, S) with (N, S, D) into (N, T, C, D)."""
    return lambda rows: scaled @ rows[:, None]


def _summed_products(scaled: Tensor) -> Callable[[Tensor], Tensor]:
    """Multiply and sum over positions, into (T, C, D), in one matrix product."""
    n, t, c, s = scaled.shape
    upper = scaled.permute(1, 2, 0, 3).reshape(t * c, n * s)
    return lambda rows: (upper @ rows.reshape(n * s, -1)).view(t, c, -1)


_REDISTRIBUTING = ("conv", "pool", "add", "centre", "affine")


@dataclass(frozen=True, repr=False)
class Conservation:
    """Relevance that arrives at each operation, and what becomes of it.

    Attributes
    ----------
    operations : tuple of str
        Modules that redistribute relevance, from the input upwards.
    arrived : ndarray of shape (L, N, T)
        Relevance at the output of each.
    sent : ndarray of shape (L, N, T)
        Relevance that it sends to its inputs.
    bias : ndarray of shape (L, N, T)
        Relevance that its bias absorbs.
    """

    operations: tuple[str, ...]
    arrived: NDArray[np.floating]
    sent: NDArray[np.floating]
    bias: NDArray[np.floating]

    @property
    def stabilizer(self) -> NDArray[np.floating]:
        """Relevance (L, N, T) that neither goes on nor is taken by the bias.

        The stabilizers absorb it. Under AlphaBeta it also holds what the rule makes
        or loses where one of its parts is empty: nothing negative comes in, and
        alpha times the relevance goes on.
        """
        rest: NDArray[np.floating] = self.arrived - self.sent - self.bias
        return rest

    def __repr__(self) -> str:
        modules, positions, targets = self.arrived.shape
        return (
            f"Conservation({modules} modules, {positions} positions, {targets} targets)"
        )

    def _repr_html_(self) -> str:
        return str(self.frame().to_html())

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain values, by module."""
        return dict(plain(self.frame().to_dict("index")))

    def frame(self) -> "pd.DataFrame":
        """Return sums over positions and targets, a row an operation."""
        columns = {
            name: getattr(self, name).sum(axis=(1, 2))
            for name in ("arrived", "sent", "bias", "stabilizer")
        }
        return pd.DataFrame(columns, index=pd.Index(self.operations, name="module"))


def conservation_report(
    passed: NativeForward, relevance: dict[str, Tensor], every: Collection[str] = ()
) -> Conservation:
    """Follow relevance through every operation of a forward pass.

    At dead units of operations that `every` names there may be relevance.

    Shapes: `relevance` (N, T, C, H, W).
    """
    operations = [
        operation
        for operation in passed.engine.program.operations.values()
        if operation.kind in _REDISTRIBUTING
    ]
    rows = [
        _follow(passed, op, relevance[op.name], every=op.name in every)
        for op in operations
    ]
    arrived, sent, bias = (
        torch.stack(list(column)).cpu().numpy() for column in zip(*rows, strict=True)
    )
    labels = tuple(operation.label for operation in operations)
    return Conservation(labels, arrived, sent, bias)


def _follow(
    passed: NativeForward, operation: Operation, relevance: Tensor, *, every: bool
) -> tuple[Tensor, Tensor, Tensor]:
    arrived, module = _total(relevance), operation.module
    if isinstance(module, Affine):
        value = passed.values[operation.inputs[0]]
        shares = module.share(value), module.absorbed(value)
        sent, bias = (_total(relevance * share[:, None]) for share in shares)
        return arrived, sent, bias
    if operation.kind != "conv" and operation.kind != "pool":
        # All inputs together get R times their sum over the stabilized sum.
        share = passed.values[operation.name] * passed.sum_scale(operation)
        return arrived, _total(relevance * share[:, None]), torch.zeros_like(arrived)
    rule = passed.engine.rules[operation.name]
    source = passed.values[operation.inputs[0]]
    sent, bias = torch.zeros_like(arrived), torch.zeros_like(arrived)
    for branch in passed.branches(operation.name, every=every):
        inputs = branch.multiplier
        if isinstance(inputs, float):
            inputs = torch.full_like(source, inputs)
        # Summed over its inputs, an output neuron sends R conv(a~, w~) / stab(z~): a
        # convolution of the multiplier, whatever the targets are.
        passed_on = rule.convolve(inputs, branch.weight) * branch.scale
        sent += _total(relevance * passed_on[:, None])
        if branch.bias is not None:
            # The bias has its part in z~ like an input, and no neuron to pass it to.
            absorbed = branch.scale * branch.bias[:, None, None]
            bias += _total(relevance * absorbed[:, None])
    return arrived, sent, bias


def _total(relevance: Tensor) -> Tensor:
    return relevance.flatten(2).sum(2)


def join_reports(parts: Sequence[Conservation]) -> Conservation:
    """Join the reports of consecutive batches of positions."""
    arrived, sent, bias = (
        np.concatenate([getattr(part, name) for part in parts], axis=1)
        for name in ("arrived", "sent", "bias")
    )
    return Conservation(parts[0].operations, arrived, sent, bias)
