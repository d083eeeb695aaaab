"""A network as a program: the operations that relevance flows through, in order.

The program is read from the traced graph. Every operation that LRP treats
alike has one kind:

========== =============================================================
kind       operation
========== =============================================================
input      the planes
conv       convolution or linear module (a linear module is a
           convolution over all of a feature map, or over one square)
pool       average pooling
add        sum of feature maps, as in a residual block
cat        concatenation of feature maps along the channels
pass       activation, dropout, identity: relevance goes through as it is
affine     a weight and a bias a unit, of which the bias absorbs relevance;
           without one, and as a constant factor, it is a pass
gate       product with a gate, the second input, which is held constant
centre     maps less their mean over groups of channels, as in norms
choice     units of the input: slice, border, spread, maxima
flatten    feature map to vector
========== =============================================================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import fx, nn

from conceptlrp.errors import NetworkError
from conceptlrp.lrp._zennit import Activation, Hook, Sum
from conceptlrp.lrp.engine.elementwise import Affine, Centre, Gate, Scaled
from conceptlrp.lrp.engine.moving import MAXIMA, Choice
from conceptlrp.lrp.engine.trace import LINEAR, module_of
from conceptlrp.networks.heads import SAME


@dataclass(frozen=True)
class Operation:
    """One step of a program, of a kind in the table above.

    ``name`` is that of the node, for a module its name with dots replaced, ``label``
    the module's own; ``inputs`` names the operations it reads. A ``rule`` of None
    stands for the gradient.
    """

    name: str
    kind: str
    inputs: tuple[str, ...] = ()
    module: nn.Module | None = None
    rule: Hook | None = None
    label: str = ""


@dataclass(frozen=True)
class Program:
    """Operations in order of execution, every one after those it reads.

    ``outputs`` names the operations that the network returns, ``by_module`` the
    operation of each module.
    """

    operations: dict[str, Operation]
    outputs: tuple[str, ...]
    by_module: dict[str, str] = field(default_factory=dict)

    @property
    def input(self) -> str:
        """Name of the operation that is the planes."""
        return next(n for n, o in self.operations.items() if o.kind == "input")

    def needed(self, wanted: Iterable[str]) -> set[str]:
        """Return the operations that the wanted ones depend on, themselves included."""
        needed = set(wanted)
        for name, operation in reversed(self.operations.items()):
            if name in needed:
                needed.update(operation.inputs)
        return needed

    def above(self, wanted: Iterable[str]) -> set[str]:
        """Return the operations that depend on a wanted one."""
        named = set(wanted)
        above: set[str] = set()
        for name, operation in self.operations.items():
            if not (named | above).isdisjoint(operation.inputs):
                above.add(name)
        return above

    def readers(self) -> dict[str, list[Operation]]:
        """Return the operations that read each operation."""
        readers: dict[str, list[Operation]] = {name: [] for name in self.operations}
        for operation in self.operations.values():
            for source in operation.inputs:
                readers[source].append(operation)
        return readers


class UnknownOperationError(NetworkError):
    """An operation or rule that the native engine does not know."""


def read_program(traced: fx.GraphModule, rules: Mapping[str, Hook]) -> Program:
    """Read the operations of a traced network and the rule of each."""
    operations: dict[str, Operation] = {}
    outputs: tuple[str, ...] = ()
    for node in traced.graph.nodes:
        inputs = tuple(n.name for n in node.all_input_nodes)
        if node.op == "output":
            outputs = inputs
            continue
        # A stack is read by the `Sum` after it, which names its summands itself.
        sums = [isinstance(module_of(traced, user), Sum) for user in node.users]
        if node.target is torch.stack and all(sums):
            continue
        module = module_of(traced, node)
        if isinstance(module, Sum):
            inputs = _summands(node, module)
        label = str(node.target) if module is not None else node.name
        kind = _kind(node, module)
        rule = rules.get(label) if module is not None else None
        operations[node.name] = Operation(node.name, kind, inputs, module, rule, label)
    by_module = {op.label: op.name for op in operations.values() if op.module}
    return Program(operations, outputs, by_module)


def _kind(node: fx.Node, module: nn.Module | None) -> str:
    if node.op == "placeholder":
        return "input"
    if module is not None:
        return _module_kind(node, module)
    if node.target is torch.cat and node.args[1:] == (1,):
        return "cat"
    raise _unknown(node, "operation")


def _module_kind(node: fx.Node, module: nn.Module) -> str:
    if isinstance(module, LINEAR):
        if getattr(module, "padding_mode", "zeros") != "zeros":
            raise _unknown(node, "padding mode")
        return "conv"
    if isinstance(module, Sum):
        return "add"
    if isinstance(module, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        return "pool"
    if isinstance(module, Affine):
        return "pass" if module.bias is None else "affine"
    if isinstance(module, Gate):
        return "gate"
    if isinstance(module, Centre):
        return "centre"
    if isinstance(module, (Choice, *MAXIMA)):
        return "choice"
    if isinstance(module, nn.Flatten):
        return "flatten"
    if isinstance(module, (*SAME, Scaled, Activation)):
        return "pass"
    raise _unknown(node, f"module {type(module).__name__}")


def _summands(node: fx.Node, module: Sum) -> tuple[str, ...]:
    """Return the names of what a zennit `Sum` adds up, stacked before it."""
    stack = node.all_input_nodes[0]
    dim = stack.kwargs.get("dim", stack.args[1] if len(stack.args) > 1 else 0)
    if stack.target is not torch.stack or dim != module.dim or len(stack.users) > 1:
        raise _unknown(node, "sum of something that is not stacked for it")
    return tuple(source.name for source in stack.all_input_nodes)


def _unknown(node: fx.Node, what: str) -> UnknownOperationError:
    named = getattr(node.target, "__name__", node.target)
    return UnknownOperationError(f"{what} of '{named}' is not known")
