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
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp._zennit import Composite, Hook, Sum
from conceptlrp.lrp.composites import GRADIENT, module_rules
from conceptlrp.lrp.engine.elementwise import GROUPED, Affine, Gate, Slope, kept_affine
from conceptlrp.lrp.engine.hooks import HookPassed, HookPropagation
from conceptlrp.lrp.engine.moving import MOVING, Choice
from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.program import UnknownOperationError, read_program
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.engine.rewriting import Uncast
from conceptlrp.lrp.engine.spelling import operation_name
from conceptlrp.lrp.engine.trace import BATCH_NORM, LINEAR, as_outputs, module_of, trace
from conceptlrp.networks.heads import SAME, unsteady

#: One forward pass through which relevance can flow.
Passed = NativePassed | HookPassed
#: A network with its rules, ready for forward passes.
Propagation = NativePropagation | HookPropagation

_TOLERANCE = 1e-9


def fold_batch_norm(
    network: nn.Module, *, planes: Tensor, dtype: torch.dtype | None = None
) -> fx.GraphModule:
    """Return a copy of a network whose batch norms are folded, traced.

    Folding is done in float64 and its output compared with the network's own
    on a probe, then the copy gets a dtype, the network's by default.

    Shapes: `planes` (N, P, 8, 8). Returns: Batch norms have become identities, or
    `Affine` where there is nothing to fold them into; every other name is unchanged.
    The network itself is left as it was.
    """
    _check_evaluation_mode(network)
    reference = _plain_copy(network).double()
    folded = trace(copy.deepcopy(reference).eval(), planes.double())
    pairs = batch_norm_pairs(folded)
    for norm, linear in pairs.items():
        _fold(folded, norm, linear)
    _compare(reference, folded, planes.double(), pairs)
    dtype = dtype or next((p.dtype for p in network.parameters()), torch.float32)
    return folded.to(dtype).requires_grad_(False)  # noqa: FBT003


def _plain_copy(network: nn.Module) -> nn.Module:
    """Copy a network, weights that are computed from others being computed once."""
    try:
        copied = copy.deepcopy(network)
        for module in copied.modules():
            hooks: dict[int, Any] = dict(module._forward_pre_hooks)
            for key, hook in hooks.items():
                if hasattr(hook, "compute_weight"):  # weight norm's and its like
                    hook.remove(module)
                    del module._forward_pre_hooks[key]
        for module in filter(parametrize.is_parametrized, list(copied.modules())):
            made = {n: getattr(module, n).detach() for n in module.parametrizations}  # type: ignore[union-attr]
            # The copy shares its class, made for it, with the network's own module.
            module.__class__ = type(module).__mro__[1]
            del module.parametrizations
            for name, value in made.items():
                module.register_parameter(name, nn.Parameter(value))
    # A module of anyone's can fail to be copied in any way.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        msg = f"{type(network).__name__} cannot be copied ({reason})"
        raise NetworkError(msg) from error
    return copied


def batch_norm_pairs(traced: fx.GraphModule) -> dict[str, str | None]:
    """Map each batch norm to the convolution or linear module that it alone reads."""
    pairs = {}
    for node in traced.graph.nodes:
        if isinstance(module_of(traced, node), BATCH_NORM):
            source = node.all_input_nodes[0]
            alone = isinstance(module_of(traced, source), LINEAR)
            alone = alone and len(source.users) == 1
            pairs[str(node.target)] = str(source.target) if alone else None
    return pairs


def _check_evaluation_mode(network: nn.Module) -> None:
    if network.training:
        msg = "the network is in training mode; call network.eval() first"
        raise NetworkError(msg)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            msg = f"'{name}' holds values that are not finite; load another checkpoint"
            raise NetworkError(msg)


def _fold(traced: fx.GraphModule, norm_name: str, linear_name: str | None) -> None:
    """Multiply one batch norm into one linear module and leave an identity.

    A norm that reads something else, as before the activation of a block or on the
    input, is an affine map by itself.
    """
    norm = traced.get_submodule(norm_name)
    assert isinstance(norm, BATCH_NORM)
    if norm.running_mean is None or norm.running_var is None:
        msg = f"batch norm '{norm_name}' has no running statistics to fold"
        raise NetworkError(msg)
    if linear_name is None:
        weight, bias = kept_affine(
            norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        shape = (-1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (-1,)
        traced.set_submodule(norm_name, Affine(weight.view(shape), bias.view(shape)))
        return
    linear = traced.get_submodule(linear_name)
    assert isinstance(linear, LINEAR)
    if isinstance(linear, nn.Linear):
        traced.set_submodule(linear_name, fuse_linear_bn_eval(linear, norm))
    else:
        traced.set_submodule(linear_name, fuse_conv_bn_eval(linear, norm))
    traced.set_submodule(norm_name, nn.Identity())


def _compare(
    network: nn.Module, folded: nn.Module, planes: Tensor, pairs: dict[str, str | None]
) -> None:
    with torch.no_grad(), Uncast():
        # Copies, as the first thing done may be in place.
        expected, again = (as_outputs(network(planes.clone())) for _ in "12")
        others = as_outputs(network(planes[1:].flip(0)))
        found = as_outputs(folded(planes))
    name = type(network).__name__
    if not all(map(torch.equal, expected, again)):
        raise unsteady(name)
    if _difference([each[1:].flip(0) for each in expected], others) > _TOLERANCE:
        msg = (
            f"{name} puts out other numbers for a position among others; each must be "
            "read by itself, without a mean or shift over the batch"
        )
        raise NetworkError(msg)
    if (difference := _difference(expected, found)) > _TOLERANCE:
        names = ", ".join(f"{linear} + {norm}" for norm, linear in pairs.items())
        msg = (
            f"folding the batch norms changes the output by {difference:.2g} "
            f"(pairs: {names}); the network cannot be explained"
        )
        raise NetworkError(msg)


def _difference(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Return the largest difference of outputs relative to the largest above 1."""
    return max(
        float((before.reshape(after.shape) - after).abs().max().nan_to_num(math.inf))
        / max(1.0, float(before.abs().max()))
        for before, after in zip(expected, found, strict=True)
    )


#: Modules that are right by their gradient: they choose, move or copy values.
_BY_GRADIENT = (
    *(*LINEAR, *SAME, nn.Flatten),
    *(nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d, nn.AdaptiveMaxPool2d),
    *(nn.ReLU, Affine, Choice, Gate, Sum, *GROUPED),
)
_MOVING = (*MOVING, "amax", "cat", "ones_like", "stack", "zeros_like")


def unexplained(network: fx.GraphModule, rules: Mapping[str, Hook]) -> list[fx.Node]:
    """Return the operations that would be explained by their gradient alone."""
    found = []
    for node in network.graph.nodes:
        if node.op in ("placeholder", "output") or node.meta.get("constant"):
            continue
        module = module_of(network, node)
        if module is None:
            known = operation_name(node) in _MOVING
        else:
            known = isinstance(module, _BY_GRADIENT) or str(node.target) in rules
        if not known:
            found.append(node)
    return found


def _described(network: fx.GraphModule, node: fx.Node) -> str:
    module = module_of(network, node)
    if module is None:
        return f"{operation_name(node)} ('{node.name}')"
    return f"{type(module).__name__} ('{node.target}')"


def _by_gradient(network: fx.GraphModule, names: Collection[str]) -> fx.GraphModule:
    """Return a copy in which some nodes have their gradient times input as a rule."""
    if not names:
        return network
    network = copy.deepcopy(network)
    graph = network.graph
    network.add_submodule("slope_above", Slope(above=True))
    network.add_submodule("slope_below", Slope(above=False))
    for node in [each for each in graph.nodes if each.name in names]:
        for source in node.all_input_nodes:
            if not source.meta.get("constant") and source.op != "get_attr":
                with graph.inserting_before(node):
                    below = graph.call_module("slope_below", (source,))
                node.replace_input_with(source, below)
        # Attention returns a pair, of which parts are read.
        parts = [user for user in node.users if operation_name(user) == "getitem"]
        for part in parts if len(parts) == len(node.users) else [node]:
            with graph.inserting_after(part):
                above = graph.call_module("slope_above", (part,))
            part.replace_all_uses_with(above, lambda user, own=above: user is not own)
    network.recompile()
    return network


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


def make_propagation(
    network: fx.GraphModule,
    composites: Sequence[tuple[Composite, str]],
    taps: Mapping[str, str],
    planes: Tensor,
    *,
    memory_budget: int,
    allow_gradient: bool = False,
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
            _check_outputs(native, network, planes)
    except UnknownOperationError as error:
        slower = "relevance goes through zennit's hooks, which is slower"
        if GRADIENT in [name for _, name in composites]:
            if len(composites) > 1:
                msg = f"{GRADIENT} as one of two: {error}"
                raise CompositeError(msg) from None
            warnings.warn(f"{error}: {slower}", stacklevel=2)
            composite = composites[0][0]
            return HookPropagation(network, composite, taps, str(error), plain=True)
        missing = [
            each
            for composite, _ in composites
            for each in unexplained(network, module_rules(composite, network))
        ]
        gradients = tuple(dict.fromkeys(_described(network, n) for n in missing))
        if missing and not allow_gradient:
            names = ", ".join(gradients)
            msg = (
                f"there is no rule for {names}: by the gradient there relevance would "
                "not add up; write the network without it, give its module a rule in a "
                "zennit composite, or pass allow_gradient=True or --allow-gradient"
            )
            raise NetworkError(msg) from None
        why = ", ".join(gradients) or str(error)
        warnings.warn(f"{why}: {slower} and knows no baseline", stacklevel=2)
        slopes = _by_gradient(network, {each.name for each in missing})
        return _with_hooks(slopes, composites, taps, why, gradients)
    assert native is not None
    return native


def _check_outputs(
    native: NativePropagation, network: fx.GraphModule, planes: Tensor
) -> None:
    """Make sure that the native engine computes what the network does."""
    with torch.no_grad(), native.forward(planes) as passed:
        pairs = zip(passed.outputs.values(), as_outputs(network(planes)), strict=False)
        for found, expected in pairs:
            scale = 1.0 + float(expected.abs().max())
            near = 1e-9 if planes.dtype is torch.float64 else 2e-2
            if (
                float((found - expected.reshape(found.shape)).abs().max())
                > near * scale
            ):
                msg = "the native engine does not compute this network's outputs"
                raise UnknownOperationError(msg)


def _with_hooks(
    network: fx.GraphModule,
    composites: Sequence[tuple[Composite, str]],
    taps: Mapping[str, str],
    reason: str,
    gradients: tuple[str, ...],
) -> HookPropagation:
    second = None
    for composite, _ in composites[1:]:
        # Hooks of two composites on one module would see each other's relevance.
        second = HookPropagation(copy.deepcopy(network), composite, taps, reason)
    composite = composites[0][0]
    return HookPropagation(network, composite, taps, reason, second, gradients)
