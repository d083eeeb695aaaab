"""Traced networks in one form: every step a module that a rule can be given to.

zennit's rules sit on modules, so a function in the graph (``relu``, ``+``)
would be invisible to a composite. Activations and dropout become modules of
their own, and a sum of two feature maps becomes zennit's `Sum` over a stack of
them, which the composites give a proportional rule: without one, relevance
doubles at every residual block.
"""

import operator

import torch
from torch import fx, nn
from torch.nn import functional

from conceptlrp.lrp._zennit import Sum

_FUNCTIONS = {
    torch.relu: nn.ReLU,
    functional.relu: nn.ReLU,
    functional.dropout: nn.Identity,
    functional.dropout2d: nn.Identity,
}
_METHODS = {"relu": nn.ReLU, "contiguous": nn.Identity}
_ADD = (operator.add, operator.iadd, torch.add)


def normalize(traced: fx.GraphModule) -> fx.GraphModule:
    """Replace functions by modules, in place.

    Returns: the same object.
    """
    for node in list(traced.graph.nodes):
        kind = _FUNCTIONS.get(node.target) if node.op == "call_function" else None
        if node.op == "call_method":
            kind = _METHODS.get(str(node.target))
        if kind is not None:
            _replace(traced, node, kind(), node.all_input_nodes[0])
        elif node.target in _ADD and len(node.all_input_nodes) == 2:
            with traced.graph.inserting_before(node):
                pair = list(node.all_input_nodes)
                stack = traced.graph.call_function(torch.stack, (pair, -1))
            _replace(traced, node, Sum(), stack)
    traced.graph.lint()
    traced.recompile()
    return traced


def _replace(
    traced: fx.GraphModule, node: fx.Node, module: nn.Module, source: fx.Node
) -> None:
    """Let a new module named after a node compute it."""
    traced.add_submodule(node.name, module.eval())
    with traced.graph.inserting_before(node):
        call = traced.graph.call_module(node.name, (source,))
    node.replace_all_uses_with(call)
    traced.graph.erase_node(node)
