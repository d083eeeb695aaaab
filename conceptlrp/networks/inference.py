"""A network made ready for many forward passes: the same outputs, sooner.

Batch norms are folded into the convolution or linear module before them, and weights
are laid out channels last, which is how CPUs convolve fastest. Outputs are those of
the network up to rounding.
"""

from copy import deepcopy

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def inference_network(network: nn.Module) -> nn.Module:
    """Copy a network with its batch norms folded and its weights channels last.

    The copy is in evaluation mode, on the device of the network.

    Examples
    --------
    >>> from conceptlrp.networks import OthelloNet
    >>> ready = inference_network(OthelloNet(channels=2))
    >>> any(isinstance(module, nn.BatchNorm2d) for module in ready.modules())
    False
    """
    traced = fx.symbolic_trace(deepcopy(network).eval())
    for node in list(traced.graph.nodes):
        if node.op == "call_module":
            _fold(traced, node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    traced.requires_grad_(requires_grad=False)
    for weight in traced.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    ready: nn.Module = traced.eval()
    return ready


def _fold(traced: fx.GraphModule, node: fx.Node) -> None:
    """Fold the batch norm of a node into the module before, where that is possible."""
    norm = traced.get_submodule(str(node.target))
    before = node.args[0]
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return
    if not isinstance(before, fx.Node) or before.op != "call_module":
        return
    if len(before.users) > 1:
        return
    module = traced.get_submodule(str(before.target))
    if isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        folded: nn.Module = fuse_conv_bn_eval(module, norm)
    elif isinstance(module, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        folded = fuse_linear_bn_eval(module, norm)
    else:
        return
    traced.set_submodule(str(before.target), folded)
    node.replace_all_uses_with(before)
    traced.graph.erase_node(node)
