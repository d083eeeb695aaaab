"""What operations do with relevance: pass it between channels, or absorb it.

The concept graph: channel c of a layer sends to channel c' of the layer that its
convolution reads

    E[c, c'] = sum over squares s and taps o of  m R[c, s] w[c, c', o] a[c', s + o]

with scale m, weights w and multiplier a of the convolution's rule. Summed over c
it is the relevance of c'; summed over c' it is the relevance of c less what bias
and stabilizer absorb. Above a baseline b, a - b takes the place of a, and the sum over
c is the relevance of c' above it, R staying plain. All pairs cost about one
convolution. A channel of a sum, as at the end of a residual block, sends to the same
channel of each layer that is summed.

Conservation: biases stand in the denominator of most rules and get no relevance,
stabilizers likewise, so less may arrive at the input than started at the target. The
report says how much, operation by operation, in the unit of the target.

Shapes use N positions, T targets, C channels above and D channels below.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.jsontext import plain
from conceptlrp.lrp.engine.linearize import Branch
from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.program import Operation, Program
from conceptlrp.lrp.engine.tangents import tap_sites

if TYPE_CHECKING:
    import pandas as pd


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


def adjacent_layers(
    program: Program, nodes: Mapping[str, str]
) -> dict[tuple[str, str], tuple[str, int]]:
    """Find the pairs of layers of which the upper one reads the lower, or sums it.

    Returns: for each pair (upper, lower) the convolution or sum between them, and which
    of its inputs is the lower.
    """
    layers = {node: layer for layer, node in nodes.items()}
    pairs = {}
    for layer, node in nodes.items():
        operation = _skip_passes(program, program.operations[node])
        if operation.kind in ("conv", "add"):
            for place, source in enumerate(operation.inputs):
                below = _layer_below(program, source, layers)
                if below is not None:
                    pairs[layer, below] = operation.name, place
    return pairs


def _layer_below(program: Program, name: str, layers: Mapping[str, str]) -> str | None:
    """Go down from an operation to the first layer, None if another is met first."""
    below = program.operations[name]
    while below.name not in layers and _keeps_channels(below):
        below = program.operations[below.inputs[0]]
    return layers.get(below.name)


def _skip_passes(program: Program, operation: Operation) -> Operation:
    while _keeps_channels(operation):
        operation = program.operations[operation.inputs[0]]
    return operation


def _keeps_channels(operation: Operation) -> bool:
    if operation.kind == "choice":
        return getattr(operation.module, "keeps", True)
    return operation.kind in ("pass", "gate", "flatten")


def edge_relevance(
    passed: NativeForward,
    name: str,
    place: int,
    relevance: Tensor,
    *,
    accumulate: bool,
    baseline: Tensor | None = None,
    every: bool = False,
) -> Tensor:
    """Compute what channels of a convolution or sum send to those of an input.

    With `every`, relevance may be at dead units; see `LinearRule.terms`.

    Shapes: `relevance` (N, T, C, H, W), plain; `baseline` (N or 1, D, H', W') of the
    input, above which edges are taken. Returns (N, T, C, D), without N accumulated.
    """
    operation = passed.engine.program.operations[name]
    source = passed.values[operation.inputs[place]]
    if operation.kind == "add":
        sent = relevance * passed.sum_scale(operation)[:, None]
        # Channels of a sum do not mix: all that is sent lies on the diagonal.
        value = source if baseline is None else source - baseline
        sent = (sent * value[:, None]).sum((3, 4))
        return torch.diag_embed(sent.sum(0) if accumulate else sent)
    sites = tap_sites(passed.engine.rules[name].geometry, *source.shape[2:])
    total: Tensor | None = None
    # The terms of a rule add up, as they do for relevance itself.
    for branch in passed.branches(name, every=every):
        scaled = (relevance * branch.scale[:, None]).flatten(3)
        below = _multiplier_rows(_multiplier(branch, source, baseline))
        multiply = _summed_products(scaled) if accumulate else _products(scaled)
        part = _weigh_taps(multiply, below, sites, branch.weight)
        total = part if total is None else total + part
    assert total is not None
    return total


def _multiplier(branch: Branch, source: Tensor, baseline: Tensor | None) -> Tensor:
    """Return what a term is multiplied with (N, D, H', W'), above a baseline."""
    multiplier = branch.multiplier
    if isinstance(multiplier, float):
        multiplier = torch.full_like(source, multiplier)
    if baseline is None:
        return multiplier
    return multiplier - branch.per_unit(source, nonnegative=False) * baseline


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


_REDISTRIBUTING = ("conv", "pool", "add")


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
        import pandas as pd

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
    arrived = _total(relevance)
    if operation.kind == "add":
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
