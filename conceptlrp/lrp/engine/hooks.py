"""Relevance by zennit's hooks: slow, and right for any module and rule.

The native engine falls back to this, and is tested against it. Every start
costs a reverse pass of its own, in which each rule runs its module again.

Shapes use N positions, T targets, P planes, C channels of an H x W feature map
(1 x 1 after a linear module), K channels asked for and n x n squares.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from conceptlrp.errors import CompositeError
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.engine.contraction import of_targets
from conceptlrp.lrp.engine.elementwise import without_rules
from conceptlrp.lrp.engine.lifting import sum_squares
from conceptlrp.lrp.engine.native import Change, changed
from conceptlrp.lrp.engine.trace import OUTPUTS, as_outputs

_FEW_PASSES = 128


@dataclass(frozen=True)
class HookPropagation:
    """A network with a composite, whose hooks are there during a pass only.

    The network has no batch norms and its parameters need no gradient; ``taps`` names
    for every layer the module whose output is its feature map. ``reason`` says why the
    native engine cannot do it; ``second``, of a copy of the network, sends to the input
    what this one gives to layers; ``gradients`` are operations without a rule. If
    ``plain`` there are no rules at all, for gradient times input.
    """

    network: fx.GraphModule
    composite: Composite
    taps: Mapping[str, str]
    reason: str = ""
    second: "HookPropagation | None" = None
    gradients: tuple[str, ...] = ()
    plain: bool = False

    def check_baseline(self) -> None:
        """Refuse any baseline: hooks hide relevance a unit of activation."""
        msg = (
            "relevance above a baseline needs the native engine"
            f"{f': {self.reason}' if self.reason else ''}; take baseline 'zero'"
        )
        raise CompositeError(msg)

    @contextmanager
    def forward(self, planes: Tensor) -> Iterator["HookPassed"]:
        """Run the network on planes (N, P, n, n)."""
        kept: dict[str, Tensor] = {}
        planes = planes.detach().requires_grad_()
        with self.composite.context(self.network) as hooked, ExitStack() as stack:
            other = None
            if self.second:
                other = stack.enter_context(self.second.forward(planes))
            handles = [
                self.network.get_submodule(tap).register_forward_hook(
                    partial(_keep, kept, layer)
                )
                for layer, tap in self.taps.items()
            ]
            try:
                rules = without_rules() if self.plain else nullcontext()
                with torch.enable_grad(), rules:
                    outputs = as_outputs(hooked(planes))
                named = dict(zip(OUTPUTS, outputs, strict=False))
                tensors = {layer: kept[layer] for layer in self.taps}
                kind = GradientHookPassed if self.plain else HookPassed
                yield kind(self, planes, named, tensors, other)
            finally:
                for handle in handles:
                    handle.remove()


def _keep(
    kept: dict[str, Tensor], layer: str, _m: nn.Module, _inputs: object, output: Tensor
) -> None:
    kept[layer] = output


class _Rerun(fx.Interpreter):
    """A forward pass without hooks, which would keep its inputs in place of others."""

    def __init__(
        self, network: fx.GraphModule, change: Callable[[str, Tensor], Tensor]
    ) -> None:
        super().__init__(network)
        self.change = change

    def call_module(
        self, target: fx.node.Target, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Compute a module's output, with its change."""
        module = self.submodules[str(target)]
        return self.change(str(target), module.forward(*args, **kwargs))


@dataclass(frozen=True)
class HookPassed:
    """One forward pass whose graph is kept; the methods are those of `NativePassed`."""

    owner: HookPropagation
    planes: Tensor
    outputs: Mapping[str, Tensor]
    tensors: Mapping[str, Tensor]
    second: "HookPassed | None" = None

    @property
    def features(self) -> dict[str, Tensor]:
        """Feature map (N, C, H, W) of every layer."""
        return {layer: _as_map(t.detach()) for layer, t in self.tensors.items()}

    def above(self, baselines: Mapping[str, Tensor]) -> "HookPassed":  # noqa: ARG002
        """Refuse relevance above baselines."""
        self.owner.check_baseline()
        return self

    def input_relevance(self, starts: Mapping[str, Tensor]) -> Tensor:
        """Send relevance from outputs or layers to the input: (N, T, P, n, n)."""
        return self._send_all(starts)[0]

    def layer_heatmaps(self, relevance: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Send the relevance of layers to the input, each layer's by itself."""
        drawing = self.second or self
        return {
            layer: drawing.input_relevance({layer: part}).sum(2)
            for layer, part in relevance.items()
        }

    def layer_relevance(self, starts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Send relevance down to layers: (N, T, C, H, W) of every layer."""
        return self._send_all(starts)[1]

    def relevance(
        self, starts: Mapping[str, Tensor], *, summed: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send relevance down to the input, one reverse pass for every target."""
        planes, layers = self._send_all(starts)
        if self.second:
            planes = self.second.input_relevance(starts)
        return planes, sum_squares(layers) if summed else layers

    def _send_all(
        self, starts: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        n_targets = next(iter(starts.values())).shape[1]
        found = [
            self._send({name: start[:, t] for name, start in starts.items()})
            for t in range(n_targets)
        ]
        layers = {
            layer: torch.stack([_as_map(f[layer]) for _, f in found], 1)
            for layer in self.tensors
        }
        return torch.stack([planes for planes, _ in found], 1), layers

    def _send(self, starts: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Send one relevance down, from any outputs and layers at once."""
        every = {**self.tensors, **self.outputs}
        sources = [every[name] for name in starts]
        begun = [
            s.reshape(t.shape) for s, t in zip(starts.values(), sources, strict=True)
        ]
        tensors = [self.planes, *self.tensors.values()]
        gradients = torch.autograd.grad(
            sources, tensors, begun, retain_graph=True, allow_unused=True
        )
        filled = [
            torch.zeros_like(t) if g is None else g.detach()
            for g, t in zip(gradients, tensors, strict=True)
        ]
        return filled[0], dict(zip(self.tensors, filled[1:], strict=True))

    def run_with(
        self,
        changes: Mapping[str, Change],
        rows: Tensor,
        *,
        layers: Collection[str] = (),
    ) -> dict[str, Tensor]:
        """Run all of the network again; see `NativePassed.run_with`."""
        taps = {tap: layer for layer, tap in self.owner.taps.items()}
        kept: dict[str, Tensor] = {}

        def change(tap: str, output: Tensor) -> Tensor:
            layer = taps.get(tap, "")
            if layer in changes:
                found = changed(changes[layer], _as_map(output))
                output = found.expand_as(_as_map(output)).reshape(output.shape)
            if layer in layers:
                kept[layer] = _as_map(output)
            return output

        with torch.no_grad():
            again = _Rerun(self.owner.network, change)
            outputs = as_outputs(again.run(self.planes.detach()[rows]))
        return {**dict(zip(self.outputs, outputs, strict=True)), **kept}

    def conditional(
        self, relevance: Mapping[str, Tensor], channels: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], str]:
        """Send single channels down, or differentiate twice where they are many."""
        if self.second:
            return self.second.conditional(relevance, channels)
        found = {}
        for layer, chosen in channels.items():
            rows = of_targets(chosen, relevance[layer])
            few = rows[0].numel() <= _FEW_PASSES
            send = self._send_channels if few else self._differentiate
            found[layer] = send(layer, relevance[layer], rows)
        return found, "hooks"

    def _differentiate(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        """Take the derivative of every input square's relevance by the layer's.

        Relevance of the input is linear in that of the layer, so one derivative a
        square holds for all channels and targets.
        """
        feature = self.tensors[layer]
        start = relevance[:, 0].detach().clone().requires_grad_()
        (arrived,) = torch.autograd.grad(
            feature, self.planes, start.reshape(feature.shape), create_graph=True
        )
        squares = arrived.sum(1).flatten(1)
        maps = []
        # Rules are hooks of the first derivative; the second is the plain one, of a map
        # that is linear in `start`.
        with self.owner.composite.inactive():
            for square in squares.unbind(1):
                (slope,) = torch.autograd.grad(square.sum(), start, retain_graph=True)
                maps.append((slope[:, None] * relevance).sum((3, 4)))
        every = torch.unflatten(torch.stack(maps, 3), 3, self.planes.shape[2:])
        index = channels[..., None, None].expand(-1, -1, -1, *every.shape[3:])
        return every.gather(2, index)

    def _send_channels(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        rows = torch.arange(len(relevance), device=relevance.device)
        maps = []
        for target in range(relevance.shape[1]):
            for k in range(channels.shape[2]):
                chosen = torch.zeros_like(relevance[:, target])
                at = (rows, channels[:, target, k])
                chosen[at] = relevance[:, target][at]
                maps.append(self._send({layer: chosen})[0].sum(1))
        return torch.unflatten(torch.stack(maps, 1), 1, channels.shape[1:])


class GradientHookPassed(HookPassed):
    """A forward pass whose relevance is gradient times value."""

    def _send(self, starts: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        every = {**self.tensors, **self.outputs}
        slopes = {}
        for name, start in starts.items():
            value = every[name].detach()
            slope = start.reshape(value.shape) / value
            slopes[name] = slope.masked_fill(value == 0, 0)
        planes, layers = super()._send(slopes)
        weighted = {n: s * self.tensors[n].detach() for n, s in layers.items()}
        return planes * self.planes.detach(), weighted

    def _differentiate(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        # A pass a channel, as starts are divided by values.
        return self._send_channels(layer, relevance, channels)


def _as_map(feature: Tensor) -> Tensor:
    """See the output of a linear module as a map of one square a channel."""
    return feature if feature.dim() == 4 else feature[:, :, None, None]
