"""Gradient times input: the baseline that no rule enters.

The relevance of a neuron is its value times the derivative of the target by it.
On a network of ReLUs it is what the Epsilon rule tends to for epsilon towards 0,
so it is a test of the engine as well as an attribution.

The native engine carries derivatives as it carries relevance: without rules its
linear maps are those of the gradient. What is particular is that relevance is
divided by values on the way in and multiplied by them on the way out.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation


class GradientPropagation(NativePropagation):
    """A program without rules; see `NativePropagation`."""

    @contextmanager
    def forward(self, planes: Tensor) -> Iterator["GradientPassed"]:
        """Run the network on planes (N, P, n, n)."""
        yield GradientPassed(self, self.engine.forward(planes))


class GradientPassed(NativePassed):
    """A forward pass whose relevance is gradient times value."""

    def __init__(self, owner: NativePropagation, passed: NativeForward) -> None:
        super().__init__(owner, passed)
        self.input_weight = passed.values[owner.input]

    def relevance(
        self, starts: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send derivatives down and multiply them with values."""
        slopes = {name: self._flowing(name, start) for name, start in starts.items()}
        planes, layers = super().relevance(slopes)
        weighted = {n: r * self.features[n][:, None] for n, r in layers.items()}
        return planes * self.passed.values[self.owner.input][:, None], weighted

    def _flowing(self, name: str, relevance: Tensor) -> Tensor:
        """Return the derivative, 0 where the value is 0."""
        value = {**self.outputs, **self.features}[name][:, None]
        return _divide(relevance, value)


def _divide(relevance: Tensor, value: Tensor) -> Tensor:
    """Divide, with 0 where the value is 0: an inactive neuron passes nothing on."""
    return torch.where(value != 0, relevance / value, torch.zeros_like(relevance))
