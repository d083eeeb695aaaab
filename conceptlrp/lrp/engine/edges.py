"""The concept graph: relevance that a channel sends to channels of the layer below.

Channel c of a layer sends to channel c' of the layer that its convolution reads

    E[c, c'] = sum over squares s and taps o of  m R[c, s] w[c, c', o] a[c', s + o]

with scale m, weights w and multiplier a of the convolution's rule. Summed over c
it is the relevance of c'; summed over c' it is the relevance of c less what bias
and stabilizer absorb. All pairs cost about one convolution. A channel of a sum, as
at the end of a residual block, sends to the same channel of each layer that is summed.

Shapes use N positions, T targets, C channels above and D channels below.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.jsontext import plain
from conceptlrp.lrp.engine.linearize import Branch
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
    while below.name not in layers and below.kind in ("pass", "flatten"):
        below = program.operations[below.inputs[0]]
    return layers.get(below.name)


def _skip_passes(program: Program, operation: Operation) -> Operation:
    while operation.kind in ("pass", "flatten"):
        operation = program.operations[operation.inputs[0]]
    return operation


def edge_relevance(
    passed: NativeForward, name: str, place: int, relevance: Tensor, *, accumulate: bool
) -> Tensor:
    """Compute what channels of a convolution or sum send to those of an input.

    Shapes: `relevance` (N, T, C, H, W). Returns (N, T, C, D), without N accumulated.
    """
    operation = passed.engine.program.operations[name]
    if operation.kind == "add":
        sent = relevance * passed.sum_scale(operation)[:, None]
        # Channels of a sum do not mix: all that is sent lies on the diagonal.
        sent = (sent * passed.values[operation.inputs[place]][:, None]).sum((3, 4))
        return torch.diag_embed(sent.sum(0) if accumulate else sent)
    source = passed.values[operation.inputs[0]]
    sites = tap_sites(passed.engine.rules[name].geometry, *source.shape[2:])
    total: Tensor | None = None
    # The terms of a rule add up, as they do for relevance itself.
    for branch in passed.branches(name):
        scaled = (relevance * branch.scale[:, None]).flatten(3)
        below = _multiplier_rows(branch, source)
        multiply = _summed_products(scaled) if accumulate else _products(scaled)
        part = _weigh_taps(multiply, below, sites, branch.weight)
        total = part if total is None else total + part
    assert total is not None
    return total


def _multiplier_rows(branch: Branch, source: Tensor) -> Tensor:
    """Return the multiplier (N, S + 1, D), the last site zeros for the padding."""
    multiplier = branch.multiplier
    if isinstance(multiplier, float):
        multiplier = torch.full_like(source, multiplier)
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
