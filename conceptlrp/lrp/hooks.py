"""Relevance by zennit's hooks: one reverse pass for every start.

Shapes use N positions, P input planes, C channels of an H x W feature map.
Relevance at a layer is what arrives at its feature map, behind the activation,
before the layer's own rule redistributes it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from zennit.core import Composite

from conceptlrp.lrp.canonizers import as_outputs


@dataclass(frozen=True)
class Forward:
    """One forward pass whose graph is kept, ready for relevance to flow back.

    Attributes
    ----------
    planes : Tensor of shape (N, P, 8, 8)
        The input.
    outputs : tuple of Tensor
        Policy logits (N, A) and, where the network has one, value (N, 1).
    features : mapping of str to Tensor of shape (N, C, H, W) or (N, C)
        Feature map of every layer, behind its activation.
    """

    planes: Tensor
    outputs: tuple[Tensor, ...]
    features: Mapping[str, Tensor]

    def relevance(
        self, source: Tensor, start: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send relevance from one tensor of the pass back to the input.

        Parameters
        ----------
        source : Tensor
            One of `outputs` or `features`.
        start : Tensor of the shape of `source`
            Relevance to start from.

        Returns
        -------
        Tensor of shape (N, P, 8, 8)
            Relevance of the input.
        dict of str to Tensor
            Relevance of every layer, of its feature map's shape; zero for
            layers that do not feed the source.
        """
        below = {n: f for n, f in self.features.items() if f is not source}
        gradients = torch.autograd.grad(
            source,
            [self.planes, *below.values()],
            start,
            retain_graph=True,
            allow_unused=True,
        )
        tensors = [self.planes, *below.values()]
        filled = [_or_zeros(g, t) for g, t in zip(gradients, tensors, strict=True)]
        layers = dict(zip(below, filled[1:], strict=True))
        return filled[0], {n: layers.get(n, start) for n in self.features}

    def conditional(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        """Send the relevance of single channels of a layer to the input.

        Parameters
        ----------
        layer : str
            Name of the layer.
        relevance : Tensor of shape (N, C, H, W) or (N, C)
            Relevance of the layer's feature map.
        channels : Tensor of shape (N, K)
            The channels, row by row.

        Returns
        -------
        Tensor of shape (N, K, 8, 8)
            Input relevance through each channel alone, planes summed.
        """
        maps = []
        for k in range(channels.shape[1]):
            chosen = torch.zeros_like(relevance)
            rows = torch.arange(len(relevance), device=relevance.device)
            chosen[rows, channels[:, k]] = relevance[rows, channels[:, k]]
            maps.append(self.relevance(self.features[layer], chosen)[0].sum(1))
        return torch.stack(maps, 1)


def _or_zeros(relevance: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if relevance is None else relevance.detach()


@contextmanager
def forward(
    network: fx.GraphModule,
    composite: Composite,
    taps: Mapping[str, str],
    planes: Tensor,
) -> Iterator[Forward]:
    """Run a network with a composite's hooks, which are gone afterwards.

    Parameters
    ----------
    network : GraphModule
        Network without batch norms, whose parameters need no gradient.
    composite : Composite
        Rules of the modules.
    taps : mapping of str to str
        For every layer the module whose output is its feature map.
    planes : Tensor of shape (N, P, 8, 8)
        Input.

    Yields
    ------
    Forward
        Usable inside the context only.
    """
    features: dict[str, Tensor] = {}
    planes = planes.detach().requires_grad_()
    with composite.context(network) as hooked:
        handles = [
            network.get_submodule(tap).register_forward_hook(_keep(features, layer))
            for layer, tap in taps.items()
        ]
        try:
            with torch.enable_grad():
                outputs = as_outputs(hooked(planes))
            ordered = {layer: features[layer] for layer in taps}
            yield Forward(planes, outputs, ordered)
        finally:
            for handle in handles:
                handle.remove()


def _keep(
    features: dict[str, Tensor], layer: str
) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        features[layer] = output

    return hook
