"""Where relevance is lost: what every operation takes, passes on and absorbs.

Biases stand in the denominator of most rules and get no relevance, stabilizers
likewise, so less may arrive at the input than started at the target. The report
says how much, operation by operation, in the unit of the target.

Shapes use N positions and T targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.jsontext import plain
from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.program import Operation

if TYPE_CHECKING:
    import pandas as pd

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
        """Show the table."""
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
    passed: NativeForward, relevance: dict[str, Tensor]
) -> Conservation:
    """Follow relevance through every operation of a forward pass.

    Shapes: `relevance` (N, T, C, H, W).
    """
    operations = [
        operation
        for operation in passed.engine.program.operations.values()
        if operation.kind in _REDISTRIBUTING
    ]
    rows = [_follow(passed, op, relevance[op.name]) for op in operations]
    arrived, sent, bias = (
        torch.stack(list(column)).cpu().numpy() for column in zip(*rows, strict=True)
    )
    labels = tuple(operation.label for operation in operations)
    return Conservation(labels, arrived, sent, bias)


def _follow(
    passed: NativeForward, operation: Operation, relevance: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    arrived = _total(relevance)
    if operation.kind == "add":
        # All inputs together get R times their sum over the stabilized sum.
        share = passed.values[operation.name] * passed.sum_scale(operation)
        return arrived, _total(relevance * share[:, None]), torch.zeros_like(arrived)
    rule = passed.engine.rules[operation.name]
    source = passed.values[operation.inputs[0]]
    sent, bias = torch.zeros_like(arrived), torch.zeros_like(arrived)
    for branch in passed.branches(operation.name):
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
