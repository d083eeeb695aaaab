"""Networks of the same shape with random weights, to hold a trained one against."""

import copy
from typing import Final

import numpy as np
import torch
from torch import fx, nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.backends import make_propagation
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.lrp.engine.trace import linear_nodes
from conceptlrp.lrp.probing import planes_of

_MEMORY: Final = 1 << 29


def randomize(network: nn.Module, layer: str, *, seed: int) -> None:
    """Draw a layer's weights anew, normal and as large as they were, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.get_submodule(layer).parameters():
            # As large as trained weights, so that activations stay in their range.
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise * float(tensor.square().mean().sqrt()))


def random_network(explainer: Explainer, *, seed: int = 0) -> Explainer:
    """Return an explainer of a copy of its network with every layer random."""
    network = copy.deepcopy(explainer.network)
    for number, node in enumerate(linear_nodes(network)):
        randomize(network, str(node.target), seed=1000 * seed + number)
    return with_weights_of(explainer, network)


def with_weights_of(explainer: Explainer, network: fx.GraphModule) -> Explainer:
    """Return an explainer of a copy of its network that has other weights.

    The copy is traced and free of batch norms already, so only the rules have to be
    made ready again.
    """
    changed = copy.copy(explainer)
    changed.network = network
    changed.propagation = make_propagation(
        network,
        explainer.composite,
        explainer.taps,
        planes_of(explainer, np.zeros((1, explainer.size, explainer.size), np.int8)),
        memory_budget=_MEMORY,
        gradient=explainer.composite_name == GRADIENT,
    )
    return changed


def random_explainers(
    explainer: Explainer, number: int, *, seed: int
) -> list[Explainer]:
    """Return explainers of networks of the same shape with random weights."""
    return [random_network(explainer, seed=seed * number + i) for i in range(number)]
