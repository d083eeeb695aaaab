"""A traced network whose nodes give way to equal ones, with the values of each.

The network is run once on a few boards, so that a node that is to stand for another
can be compared with it.
"""

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

_CASTS = frozenset(
    getattr(Tensor, name)
    for name in ("bfloat16", "double", "float", "half", "to", "type", "type_as")
)


class Uncast(TorchFunctionMode):
    """Leaves floating-point values as they are where a network casts them.

    A network runs in the precision that it is explained in.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a function of torch's."""
        kwargs = kwargs or {}
        first = args[0] if args else None
        floats = isinstance(first, Tensor) and first.is_floating_point()
        if floats and isinstance(kwargs.get("dtype"), torch.dtype):
            kwargs = {k: v for k, v in kwargs.items() if k != "dtype"}
        found = func(*args, **kwargs)
        same = floats and func in _CASTS and found.is_floating_point()
        return first if same else found


class Rewriting(fx.Interpreter):
    """A graph that is rewritten, with the values of its nodes.

    ``moved`` are nodes that only move values of another, which has no module yet, with
    the numbers moved; ``names`` are all nodes of a tensor that is changed in place.
    """

    def __init__(self, traced: fx.GraphModule, planes: Tensor) -> None:
        super().__init__(traced, garbage_collect_values=False)
        self.traced = traced
        self.values: dict[fx.Node, Any] = {}
        self.moved: dict[fx.Node, tuple[fx.Node, Any]] = {}
        self.names: dict[fx.Node, list[fx.Node]] = {}
        with torch.no_grad(), Uncast():
            self.run(planes)

    def run_node(self, n: fx.Node) -> Any:
        """Run a node and keep a copy, as what comes later may change it in place."""
        found = super().run_node(n)
        self.values[n] = found.clone() if isinstance(found, Tensor) else found
        return found

    def given(self, argument: Any) -> Any:
        """Return the value of an argument that may be a constant node."""
        if isinstance(argument, fx.Node):
            return self.values[argument]
        if isinstance(argument, tuple | list):
            return type(argument)(self.given(each) for each in argument)
        return argument

    def argument(self, node: fx.Node, at: int, name: str, default: Any = None) -> Any:
        """Return the value of an argument by its place or name."""
        found = node.args[at] if len(node.args) > at else node.kwargs.get(name, default)
        return self.given(found)

    def add(self, name: str, module: nn.Module) -> str:
        """Add a module by a name like this one, and return the name."""
        while hasattr(self.traced, name):
            name += "_"
        self.traced.add_submodule(name, module.eval())
        return name

    def call(self, before: fx.Node, module: Any, *sources: fx.Node) -> fx.Node:
        """Insert a call of a new module, with its value."""
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False
        name = self.add(before.name, module.to(self.values[sources[0]]))
        with self.traced.graph.inserting_before(before):
            call = self.traced.graph.call_module(name, sources)
        with torch.no_grad():
            self.values[call] = module(*(self.values[each] for each in sources))
        return call

    def replace(self, node: fx.Node, module: nn.Module, *sources: fx.Node) -> None:
        """Let a module stand for a node, if it is equal."""
        self.become(node, self.call(node, module, *sources))

    def become(self, node: fx.Node, call: fx.Node) -> None:
        """Let an equal node stand for a node, if it is one."""
        found, value = self.values[call], self.values[node]
        if not torch.allclose(found.reshape(value.shape), value, 1e-4, 1e-5):
            return
        node.replace_all_uses_with(call)
        named = str(getattr(node.target, "__name__", node.target))
        in_place = named.endswith("_") or bool(node.kwargs.get("inplace"))
        if in_place or (named == "relu" and node.args[1:2] == (True,)):
            self.redirect(node.all_input_nodes[0], node, call)
        elif node in self.names:
            self.names[node].append(call)
            self.names[call] = self.names[node]
        self.traced.graph.erase_node(node)

    def redirect(self, source: fx.Node, old: fx.Node, new: fx.Node) -> None:
        """Let what reads a node that was changed in place read the change."""
        order = {each: i for i, each in enumerate(self.traced.graph.nodes)}
        names = self.names.setdefault(source, [source])
        for name in names:
            for user in list(name.users):
                if user is not old and order[user] > order[new]:
                    user.replace_input_with(name, new)
        names.append(new)
        self.names[new] = names
