"""The network as a graph of operations, traced so that data flow is known.

Registration order says nothing about execution order (alpha-zero-general
registers its convolutions before its batch norms), so whatever depends on
order is read from the graph: which layer comes first, which batch norm follows
which convolution, and where a layer's feature map leaves its activation.

zennit's rules sit on modules, so a function in the graph (``relu``, ``+``) would be
invisible to a composite: `spelling` makes it a module. A sum of two feature maps
becomes zennit's `Sum` over a stack of them, which the composites give a proportional
rule: without one, relevance doubles at every residual block.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, fx, nn

from conceptlrp.errors import LayerError, NetworkError, check_names
from conceptlrp.lrp._zennit import Activation, Sum
from conceptlrp.lrp.engine.elementwise import Affine, Centre, Gate, Scaled
from conceptlrp.lrp.engine.moving import Choice
from conceptlrp.lrp.engine.rewriting import Uncast
from conceptlrp.lrp.engine.spelling import normalize, operation_name
from conceptlrp.networks.heads import SAME, Shapes, Tracer

LINEAR = (nn.Conv2d, nn.Linear)
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)
#: What a network puts out, in order.
OUTPUTS = ("policy", "value")
#: What may lie between a layer and its activation.
ELEMENTWISE = (*(*SAME, Affine, Centre, Scaled), *BATCH_NORM)
_SQUASHING = {
    nn.LogSoftmax: "log_softmax",
    nn.Sigmoid: "sigmoid",
    nn.Softmax: "softmax",
    nn.Tanh: "tanh",
}


class _Tracer(Tracer):
    """A tracer that keeps the engine's own modules whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = isinstance(m, (Affine, Gate, Choice, Centre, Scaled))
        return own or super().is_leaf_module(m, module_qualified_name)


def trace(network: nn.Module, planes: Tensor | None = None) -> fx.GraphModule:
    """Trace a network into a graph whose modules are the network's own.

    Shapes: `planes` (N, P, n, n), to run it once on, or two boards of its own size.
    """
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
    except Exception as error:
        msg = (
            f"{type(network).__name__} cannot be traced ({error}); its flow must "
            "not depend on the values of its input"
        )
        raise NetworkError(msg) from error
    try:
        probe = _boards(network) if planes is None else planes[:2]
        normalize(traced, probe)
        with torch.no_grad(), Uncast():
            Shapes(traced).run(probe)
    except Exception as error:
        msg = f"{type(network).__name__} does not run on boards ({error})"
        raise NetworkError(msg) from error
    _refuse_reuse(traced)
    _refuse_squashing(traced)
    _rename(traced)
    return traced


def _boards(network: nn.Module) -> Tensor:
    """Return two boards of random discs as the first convolution reads them."""
    convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    planes = getattr(next(convolutions, None), "in_channels", 1)
    size = int(getattr(network, "size", 8))
    generator = torch.Generator().manual_seed(0)
    boards = torch.randint(-1, 2, (2, planes, size, size), generator=generator)
    return boards.to(next((p.dtype for p in network.parameters()), torch.float32))


def _refuse_reuse(traced: fx.GraphModule) -> None:
    calls = Counter(str(n.target) for n in traced.graph.nodes if n.op == "call_module")
    for name, count in calls.items():
        if count > 1:
            kind = type(traced.get_submodule(name)).__name__
            msg = (
                f"module '{name}' ({kind}) is used {count} times; give each use a "
                "module of its own, as relevance is kept for one use only"
            )
            raise NetworkError(msg)


def _rename(traced: fx.GraphModule) -> None:
    """Give a layer that has the name of an output one of its own."""
    layers = feature_layers(traced)
    for node in traced.graph.nodes:
        if node.target in OUTPUTS and node.target in layers:
            module, node.target = module_of(traced, node), f"{node.target}_layer"
            traced.add_submodule(node.target, module)  # type: ignore[arg-type]
    traced.recompile()


def _refuse_squashing(traced: fx.GraphModule) -> None:
    """Refuse a head that ends in a function that hides the logits."""
    output = next(n for n in traced.graph.nodes if n.op == "output")
    # From each output up to the last module with weights: what lies between them is
    # the head's own function.
    pending = list(output.all_input_nodes)
    while pending:
        node = pending.pop()
        if isinstance(module_of(traced, node), LINEAR):
            continue
        if _operation(traced, node) in _SQUASHING.values():
            msg = (
                f"the network ends in {_operation(traced, node)} ('{node.name}'); "
                "leave it out of forward: logits and value before tanh are explained"
            )
            raise NetworkError(msg)
        gated = isinstance(module_of(traced, node), Gate)
        pending.extend(node.all_input_nodes[: 1 if gated else None])


def _operation(traced: fx.GraphModule, node: fx.Node) -> str:
    """Name the operation of a node as torch.nn.functional does."""
    module = module_of(traced, node)
    if module is not None:
        return _SQUASHING.get(type(module), type(module).__name__)
    return str(getattr(node.target, "__name__", node.target))


def module_of(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, None for any other node."""
    if node.op != "call_module":
        return None
    return traced.get_submodule(str(node.target))


def linear_nodes(traced: fx.GraphModule) -> list[fx.Node]:
    """Return the nodes of convolutions and linear modules, in execution order."""
    nodes = traced.graph.nodes
    return [n for n in nodes if isinstance(module_of(traced, n), LINEAR)]


def input_layers(traced: fx.GraphModule) -> list[str]:
    """Return the names of the linear modules that read the input directly."""
    reached = {n for n in traced.graph.nodes if n.op == "placeholder"}
    first = []
    for node in traced.graph.nodes:
        if not reached.intersection(node.all_input_nodes):
            continue
        if isinstance(module_of(traced, node), LINEAR):
            first.append(str(node.target))
        else:
            reached.add(node)
    return first


def feature_layers(traced: fx.GraphModule) -> dict[str, str]:
    """Map every intermediate layer to the module that puts out its feature map.

    A layer is a convolution or linear module whose output is read by more of the
    network; its feature map leaves the activation that follows it, possibly
    after a batch norm, or, where it goes into a sum instead, the module itself.
    The activation after a sum is a layer too, under its own name. Heads are
    outputs and no layers.

    Returns: Name of the layer to name of the module, in execution order.
    """
    layers = {}
    for node in traced.graph.nodes:
        module = module_of(traced, node)
        if isinstance(module, LINEAR):
            tap = _tap(traced, node)
            if tap is not None:
                layers[str(node.target)] = tap
        elif isinstance(module, Sum):
            tap = _tap(traced, node)
            if tap is not None:
                layers[tap] = tap
    return layers


def _tap(traced: fx.GraphModule, node: fx.Node) -> str | None:
    """Follow a node to its activation, or to the last module before a function."""
    while True:
        module = module_of(traced, node)
        if isinstance(module, Activation):
            return str(node.target)
        users = list(node.users)
        if _is_head(traced, node):
            return None
        if len(users) > 1 or not isinstance(
            module_of(traced, users[0]), (*ELEMENTWISE, Activation)
        ):
            return str(node.target)
        node = users[0]


def _is_head(traced: fx.GraphModule, node: fx.Node) -> bool:
    for user in node.users:
        module = module_of(traced, user)
        passes = isinstance(module, nn.Flatten | nn.Identity | Affine | Choice)
        passes = passes or operation_name(user) in ("view", "reshape", "flatten", "cat")
        if user.op == "output" or (passes and _is_head(traced, user)):
            return True
    return False


def select_layers(
    traced: fx.GraphModule, layers: str | Sequence[str] | None
) -> dict[str, str]:
    """Return the layers asked for as `feature_layers` does, maps by default.

    Those that give neither maps nor vectors, as layers of tokens do, are refused.
    """
    every, other = feature_layers(traced), {}
    for name, tap in every.items():
        node = next(n for n in traced.graph.nodes if n.target == tap)
        n, *rest = node.meta["shape"]  # of two boards
        if n != 2 or len(rest) not in (1, 3):
            other[name] = f"({', '.join(map(str, ['N' if n == 2 else n, *rest]))})"
    taps = {n: t for n, t in every.items() if n not in other}
    if layers is None:
        found = {n: traced.get_submodule(n) for n in taps}
        return {n: t for n, t in taps.items() if not isinstance(found[n], nn.Linear)}
    wanted = check_names(layers, "layers", "a layer")
    for layer in wanted:
        if layer in other:
            msg = (
                f"layer '{layer}' gives {other[layer]}, expected maps (N, C, H, W) or "
                "vectors (N, C)"
            )
            raise LayerError(msg)
        if layer not in taps:
            raise unknown_layer(layer, taps)
    return {n: t for n, t in taps.items() if n in wanted}


def unknown_layer(layer: str, known: Iterable[str]) -> LayerError:
    """Return the error for a layer that the network does not have."""
    return LayerError(
        f"no layer '{layer}', expected one of {', '.join(known) or 'none'}"
    )


def as_outputs(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return a network's outputs as a tuple, policy first."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
