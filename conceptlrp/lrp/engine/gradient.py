"""Gradient times input through the native engine, which carries derivatives then.

Shapes use N positions, T targets, P planes and n x n squares.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation


class GradientPropagation(NativePropagation):
    """Gradient times input, which no rule enters: there to compare with.

    The relevance of a neuron is its value times the derivative of the target by it. On
    a network of ReLUs it is what the Epsilon rule tends to for epsilon towards 0, so it
    is a test of the engine as well as an attribution. The engine carries derivatives as
    it carries relevance: without rules its linear maps are those of the gradient.
    """

    plain_sums = True

    def passed(self, forward: NativeForward) -> "GradientPassed":
        """Return a forward pass of this network for gradients."""
        return GradientPassed(
            self, NativeForward(self.engine, forward.values, cut=forward.cut)
        )

    def refusals(self) -> dict[str, str]:
        """Refuse no layer: a derivative is relevance a unit of activation."""
        return {}


class GradientPassed(NativePassed):
    """A forward pass whose relevance is gradient times value.

    Relevance is divided by values on the way in and multiplied by them on the way out.
    """

    def __init__(self, owner: NativePropagation, passed: NativeForward) -> None:
        super().__init__(owner, passed)
        self.input_weight = passed.values[owner.input]

    def _send(
        self,
        starts: Mapping[str, Tensor],
        wanted: tuple[str, ...],
        every: Collection[str] = (),
        *,
        summed: bool = False,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Send derivatives down and multiply them with values above the baseline."""
        slopes = {name: self._flowing(name, start) for name, start in starts.items()}
        begun = self._begin(slopes)
        found = self.passed.relevance(begun, wanted, every=every)
        weighted = {
            n: slope * self.passed.values[n][:, None] for n, slope in found.items()
        }
        for layer, baseline in self.baselines.items():
            node = self.owner.nodes[layer]
            if node not in wanted:
                continue
            # Where relevance starts, it is the target itself.
            slope = found[node] - begun[node] if node in begun else found[node]
            weighted[node] = weighted[node].addcmul_(
                baseline[:, None], slope, value=-1.0
            )
        return weighted

    def _flowing(self, name: str, relevance: Tensor) -> Tensor:
        """Return the derivative, 0 for an inactive neuron, which passes nothing on."""
        value = {**self.outputs, **self.features}[name][:, None]
        return torch.where(value != 0, relevance / value, torch.zeros_like(relevance))
