"""Relevance by zennit's hooks: slow, and right for any module and rule.

The native engine falls back to this, and is tested against it. Every start
costs a reverse pass of its own, in which each rule runs its module again.

Shapes use N positions, T targets, P planes, C channels of an H x W feature map
(1 x 1 behind a linear module), K channels asked for and n x n squares.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from zennit.core import Composite

from conceptlrp.lrp.canonizers import as_outputs


@dataclass(frozen=True)
class HookPropagation:
    """A network with a composite, whose hooks are there during a pass only.

    Attributes
    ----------
    network : GraphModule
        Network without batch norms, whose parameters need no gradient.
    composite : Composite
        Rules of its modules.
    taps : mapping of str to str
        For every layer the module whose output is its feature map.
    """

    network: fx.GraphModule
    composite: Composite
    taps: Mapping[str, str]

    @contextmanager
    def forward(self, planes: Tensor) -> Iterator["HookPassed"]:
        """Run the network on planes (N, P, n, n); see `propagation.Passed`."""
        kept: dict[str, Tensor] = {}
        planes = planes.detach().requires_grad_()
        with self.composite.context(self.network) as hooked:
            handles = [
                self.network.get_submodule(tap).register_forward_hook(
                    _keep(kept, layer)
                )
                for layer, tap in self.taps.items()
            ]
            try:
                with torch.enable_grad():
                    outputs = as_outputs(hooked(planes))
                named = dict(zip(("policy", "value"), outputs, strict=False))
                yield HookPassed(planes, named, {n: kept[n] for n in self.taps})
            finally:
                for handle in handles:
                    handle.remove()


def _keep(
    kept: dict[str, Tensor], layer: str
) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        kept[layer] = output

    return hook


@dataclass(frozen=True)
class HookPassed:
    """One forward pass whose graph is kept; see `propagation.Passed`."""

    planes: Tensor
    outputs: Mapping[str, Tensor]
    tensors: Mapping[str, Tensor]

    @property
    def features(self) -> dict[str, Tensor]:
        """Feature map (N, C, H, W) of every layer."""
        return {layer: _as_map(t.detach()) for layer, t in self.tensors.items()}

    def relevance(
        self, starts: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send relevance down to the input, one reverse pass for every target."""
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
        """Send one relevance down; a layer at which it starts counts it as its own."""
        every = {**self.tensors, **self.outputs}
        sources = [every[name] for name in starts]
        begun = [
            s.reshape(t.shape) for s, t in zip(starts.values(), sources, strict=True)
        ]
        below = [t for name, t in self.tensors.items() if name not in starts]
        gradients = torch.autograd.grad(
            sources, [self.planes, *below], begun, retain_graph=True, allow_unused=True
        )
        tensors = [self.planes, *below]
        filled = [
            torch.zeros_like(t) if g is None else g.detach()
            for g, t in zip(gradients, tensors, strict=True)
        ]
        names = [name for name in self.tensors if name not in starts]
        layers = dict(zip(names, filled[1:], strict=True))
        own = dict(zip(starts, begun, strict=True))
        return filled[0], {n: layers.get(n, own.get(n)) for n in self.tensors}  # type: ignore[misc]

    def conditional(
        self, relevance: Mapping[str, Tensor], channels: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], str]:
        """Send the relevance of single channels down, each by itself."""
        found = {
            layer: self._send_channels(layer, relevance[layer], rows)
            for layer, rows in channels.items()
        }
        return found, "hooks"

    def _send_channels(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        rows = torch.arange(len(relevance), device=relevance.device)
        maps = []
        for target in range(relevance.shape[1]):
            for k in range(channels.shape[1]):
                chosen = torch.zeros_like(relevance[:, target])
                at = (rows, channels[:, k])
                chosen[at] = relevance[:, target][at]
                maps.append(self._send({layer: chosen})[0].sum(1))
        return torch.stack(maps, 1).unflatten(1, (-1, channels.shape[1]))


def _as_map(feature: Tensor) -> Tensor:
    """See the output of a linear module as a map of one square a channel."""
    return feature if feature.dim() == 4 else feature[:, :, None, None]
