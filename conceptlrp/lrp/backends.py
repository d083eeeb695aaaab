"""How relevance gets through a network: the native engine, or zennit's hooks.

Both answer the same few questions about a forward pass, so that what explains
positions need not know which of them it uses.

Shapes use N positions, T targets, P planes, C channels of an H x W feature map
(1 x 1 after a linear module), K channels asked for and n x n squares.
"""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor, fx

from conceptlrp.errors import CompositeError
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.composites import GRADIENT, module_rules
from conceptlrp.lrp.engine.gradient import GradientPropagation
from conceptlrp.lrp.engine.hooks import HookPropagation
from conceptlrp.lrp.engine.program import UnknownOperationError, read_program
from conceptlrp.lrp.engine.propagation import NativePropagation


class Passed(Protocol):
    """One forward pass through which relevance can flow.

    ``outputs`` are "policy" (N, A) and, where the network has one, "value" (N, 1);
    ``features`` is the map (N, C, H, W) of every layer.
    """

    @property
    def outputs(self) -> Mapping[str, Tensor]: ...  # noqa: D102

    @property
    def features(self) -> Mapping[str, Tensor]: ...  # noqa: D102

    def relevance(
        self, starts: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send relevance from outputs or layers down to the input.

        Shapes: `starts` (N, T, ...). Returns (N, T, P, n, n): relevance of the input;
        (N, T, C, H, W): relevance of every layer.
        """

    def conditional(
        self, relevance: Mapping[str, Tensor], channels: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], str]:
        """Send the relevance of single channels to the input.

        Shapes: `relevance` (N, T, C, H, W), `channels` (N, K). Returns (N, T, K, n, n):
        input relevance through each channel alone, planes summed; How it was computed:
        "forward", "reverse" or "hooks".
        """


class Propagation(Protocol):
    """A network with its rules, ready for forward passes."""

    def forward(self, planes: Tensor) -> AbstractContextManager[Passed]:
        """Run the network on planes (N, P, n, n)."""


def make_propagation(
    network: fx.GraphModule,
    composite: Composite,
    taps: Mapping[str, str],
    planes: Tensor,
    *,
    memory_budget: int,
    gradient: bool = False,
) -> Propagation:
    """Prepare the native engine, or hooks for what it does not know.

    Shapes: `planes` (1, P, n, n).
    """
    try:
        program = read_program(network, module_rules(composite, network))
        if gradient:
            return GradientPropagation(
                program, taps, planes, memory_budget, plain_sums=True
            )
        return NativePropagation(program, taps, planes, memory_budget)
    except UnknownOperationError as error:
        if gradient:
            msg = f"{GRADIENT}: {error}"
            raise CompositeError(msg) from None
        warnings.warn(
            f"{error}: relevance goes through zennit's hooks, which is slower",
            stacklevel=2,
        )
    return HookPropagation(network, composite, taps)
