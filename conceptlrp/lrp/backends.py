"""From a network to what relevance flows through: batch norms folded, engine chosen.

A batch norm in evaluation mode is an affine map, so it can be multiplied into
the convolution or linear module before it. Which one that is follows from the
data flow: pairing neighbours in registration order merges the fourth
convolution of alpha-zero-general's network with its first batch norm and
changes the output without a word.

The native engine and zennit's hooks answer the same few questions about a forward
pass, so that what explains positions need not know which of them it uses.
"""

import copy
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.composites import GRADIENT, module_rules
from conceptlrp.lrp.engine.gradient import GradientPropagation
from conceptlrp.lrp.engine.hooks import HookPassed, HookPropagation
from conceptlrp.lrp.engine.program import UnknownOperationError, read_program
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.engine.trace import (
    BATCH_NORM,
    LINEAR,
    as_outputs,
    module_of,
    trace,
)

#: One forward pass through which relevance can flow.
Passed = NativePassed | HookPassed
#: A network with its rules, ready for forward passes.
Propagation = NativePropagation | HookPropagation

_TOLERANCE = 1e-9


def fold_batch_norm(network: nn.Module, *, planes: Tensor) -> fx.GraphModule:
    """Return a copy of a network whose batch norms are folded, traced.

    Folding is done in float64 and its output compared with the network's own
    on a probe, then the copy gets the network's dtype back.

    Shapes: `planes` (N, P, 8, 8). Returns: Batch norms have become identities; every
    other name is unchanged. The network itself is left as it was.
    """
    _check_evaluation_mode(network)
    reference = copy.deepcopy(network).double()
    folded = trace(copy.deepcopy(reference).eval())
    pairs = batch_norm_pairs(folded)
    for linear, norm in pairs.items():
        _fold(folded, linear, norm)
    _compare(reference, folded, planes.double(), pairs)
    dtype = next(network.parameters()).dtype
    return folded.to(dtype).requires_grad_(False)  # noqa: FBT003


def batch_norm_pairs(traced: fx.GraphModule) -> dict[str, str]:
    """Map each convolution or linear module to the batch norm that reads it."""
    pairs = {}
    for node in traced.graph.nodes:
        if not isinstance(module_of(traced, node), BATCH_NORM):
            continue
        source = node.all_input_nodes[0]
        if not isinstance(module_of(traced, source), LINEAR) or len(source.users) > 1:
            msg = (
                f"batch norm '{node.target}' follows '{source.name}', expected a "
                "convolution or linear module that nothing else reads"
            )
            raise NetworkError(msg)
        pairs[str(source.target)] = str(node.target)
    return pairs


def _check_evaluation_mode(network: nn.Module) -> None:
    if network.training:
        msg = "the network is in training mode; call network.eval() first"
        raise NetworkError(msg)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            msg = f"'{name}' holds values that are not finite; load another checkpoint"
            raise NetworkError(msg)


def _fold(traced: fx.GraphModule, linear_name: str, norm_name: str) -> None:
    """Multiply one batch norm into one linear module and leave an identity."""
    linear = traced.get_submodule(linear_name)
    norm = traced.get_submodule(norm_name)
    assert isinstance(linear, LINEAR)
    assert isinstance(norm, BATCH_NORM)
    if norm.running_mean is None or norm.running_var is None:
        msg = f"batch norm '{norm_name}' has no running statistics to fold"
        raise NetworkError(msg)
    if isinstance(linear, nn.Linear):
        traced.set_submodule(linear_name, fuse_linear_bn_eval(linear, norm))
    else:
        traced.set_submodule(linear_name, fuse_conv_bn_eval(linear, norm))
    traced.set_submodule(norm_name, nn.Identity())


def _compare(
    network: nn.Module, folded: nn.Module, planes: Tensor, pairs: dict[str, str]
) -> None:
    with torch.no_grad():
        expected, found = as_outputs(network(planes)), as_outputs(folded(planes))
    for before, after in zip(expected, found, strict=True):
        difference = float((before - after).abs().max())
        if not difference <= _TOLERANCE * max(1.0, float(before.abs().max())):
            names = ", ".join(f"{linear} + {norm}" for linear, norm in pairs.items())
            msg = (
                f"folding the batch norms changes the output by {difference:.2g} "
                f"(pairs: {names}); the network cannot be explained"
            )
            raise NetworkError(msg)


def make_propagation(
    network: fx.GraphModule,
    composites: Sequence[tuple[Composite, str]],
    taps: Mapping[str, str],
    planes: Tensor,
    *,
    memory_budget: int,
) -> Propagation:
    """Prepare the native engine, or hooks for what it does not know.

    The second of two composites and their names is for heatmaps.

    Shapes: `planes` (1, P, n, n).
    """
    native: NativePropagation | None = None
    try:
        for composite, name in reversed(composites):
            program = read_program(network, module_rules(composite, network))
            kind = GradientPropagation if name == GRADIENT else NativePropagation
            native = kind(program, taps, planes, memory_budget, second=native)
    except UnknownOperationError as error:
        if GRADIENT in [name for _, name in composites]:
            msg = f"{GRADIENT}: {error}"
            raise CompositeError(msg) from None
        warnings.warn(
            f"{error}: relevance goes through zennit's hooks, which is slower",
            stacklevel=2,
        )
        return _with_hooks(network, composites, taps, str(error))
    assert native is not None
    return native


def _with_hooks(
    network: fx.GraphModule,
    composites: Sequence[tuple[Composite, str]],
    taps: Mapping[str, str],
    reason: str,
) -> HookPropagation:
    second = None
    for composite, _ in composites[1:]:
        # Hooks of two composites on one module would see each other's relevance.
        second = HookPropagation(copy.deepcopy(network), composite, taps, reason)
    return HookPropagation(network, composites[0][0], taps, reason, second)
