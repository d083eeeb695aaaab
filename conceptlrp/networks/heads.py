"""What a traced module returns, checked and turned into policy logits and a value.

Shapes are read off a probe of three boards, and written with N in their place. What
stands between an output and what is explained is taken off or folded into the last
linear module, so that every layer keeps its name.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, fx, nn

from conceptlrp.errors import NetworkError
from conceptlrp.networks.planes import Encoding

Outputs = Sequence[str | None] | Mapping[str, str]
Policy = Sequence[int] | Callable[[int], int] | None

HEADS = ("policy", "value")
#: Modules that put out what they read, in evaluation mode.
SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
_ENDS = {
    "policy": ("log_softmax", "softmax", "LogSoftmax", "Softmax"),
    "scalar": ("tanh", "Tanh"),
    "wdl": ("log_softmax", "softmax", "LogSoftmax", "Softmax"),
}
_VIEWS = ("squeeze", "unsqueeze", "flatten", "view", "reshape", "getitem", "Flatten")
N_PROBED = 3


def run(
    network: nn.Module,
    name: str,
    size: int,
    encoding: Encoding,
    call: Callable[[Tensor], Any] | None = None,
) -> Any:
    """Run a module on three boards; what it fails with is said in our words."""
    weight = next((p for p in network.parameters() if p.is_floating_point()), None)
    like = torch.zeros(()) if weight is None else weight
    boards = np.random.default_rng(0).integers(-1, 2, (N_PROBED, size, size), np.int8)
    planes = torch.from_numpy(encoding(boards)).to(like.device, like.dtype)
    try:
        with torch.no_grad():
            return (call or network)(planes)
    # The module is of anyone, and so is what it raises.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        msg = (
            f"{name} fails on planes (N, {encoding.planes}, {size}, {size}) of "
            f"{encoding.name} ({reason}); say what it reads by "
            "conceptlrp.adapt(module, encode=..., size=...)"
        )
        raise NetworkError(msg) from error


def shapes_of(returned: Any) -> list[tuple[int, ...]]:
    """Return the shapes of tensors that a module returned, of nested ones too."""
    return [tuple(each.shape) for each in _tensors_of(returned)]


def check_same(module: nn.Module, traced: nn.Module, *given: Any) -> None:
    """Refuse a module that runs otherwise than it was traced; `given` as to `run`."""
    found, expected = (_tensors_of(run(each, *given)) for each in (traced, module))
    for one, other in zip(found, expected, strict=True):
        if not torch.allclose(one, other, 1e-4, 1e-5, equal_nan=True):
            raise unsteady(str(given[0]))


def unsteady(name: str) -> NetworkError:
    """Return the error for a network that is another one each time."""
    return NetworkError(
        f"{name} puts out other numbers each time; is a dropout on, as F.dropout is "
        "without training=self.training, or does it draw numbers or change a buffer?"
    )


def _tensors_of(returned: Any) -> list[Tensor]:
    if isinstance(returned, Tensor):
        return [returned]
    if isinstance(returned, Mapping):
        returned = list(returned.values())
    listed = returned if isinstance(returned, tuple | list) else ()
    return [tensor for each in listed for tensor in _tensors_of(each)]


def spell(shapes: Sequence[tuple[int, ...]]) -> str:
    """Write shapes with N for the number of positions."""
    named = [
        ("N" if i == 0 and n == N_PROBED else n for i, n in enumerate(s))
        for s in shapes
    ]
    return " and ".join(f"({', '.join(map(str, each))})" for each in named)


class HeadAdapter:
    """Changes a traced module's graph until it is that of a board network."""

    def __init__(
        self, traced: fx.GraphModule, name: str, size: int, encoding: Encoding
    ) -> None:
        self.traced, self.name = traced, name
        self.size, self.encoding = size, encoding
        self.actions = size * size + 1
        self.notes: list[str] = []

    def adapt(self, outputs: Outputs, policy: Policy, value: str) -> None:
        """Find the heads, check them and put them in order."""
        record = Shapes(self.traced)
        returned = run(self.traced, self.name, self.size, self.encoding, record.run)
        end = next(n for n in self.traced.graph.nodes if n.op == "output")
        heads = _heads(self.name, end.args[0], returned, outputs)
        nodes = heads.values()
        if not all(isinstance(node, fx.Node) and _shape(node) for node in nodes):
            msg = f"{self.name} returns {type(returned).__name__}, expected tensors"
            raise NetworkError(msg)
        self._check_order(heads)
        made = [self._policy(heads["policy"], policy)]
        if "value" in heads:
            made.append(self._value(heads["value"], value))
        end.args = (tuple(made),)
        self._drop_unused()
        self.traced.graph.lint()
        self.traced.recompile()

    def _drop_unused(self) -> None:
        """Drop what nothing reads, unless it changes in place what something reads."""
        graph = self.traced.graph
        for node in reversed(graph.nodes):
            ends = node.op in ("placeholder", "output")
            if not (ends or node.users or _is_in_place(self.traced, node)):
                graph.erase_node(node)

    def _check_order(self, heads: Mapping[str, fx.Node]) -> None:
        """Refuse a value where the policy should be."""
        widths = {name: _width(node) for name, node in heads.items()}
        shapes = spell([_shape(node) for node in heads.values()])
        said = f"{self.name} returns {shapes} as {' and '.join(heads)}"
        if "policy" not in heads or (len(heads) == 1 and widths["policy"] <= 3):
            msg = (
                f"{said}, so it has no policy; without one no move can be explained, "
                "so let it return both and name them by outputs="
            )
            raise NetworkError(msg)
        if widths["policy"] <= 3:
            msg = f"{said}; pass outputs=('value', 'policy') if that is the order"
            raise NetworkError(msg)

    def _policy(self, node: fx.Node, policy: Policy) -> fx.Node:
        node = self._without_end(node, "policy", _ENDS["policy"])
        shape = _shape(node)
        if len(shape) != 2 or shape[0] != N_PROBED:
            if not shape or shape[0] != N_PROBED:
                self._refuse("policy", shape, f"(N, {self.actions})", "outputs=")
            node = self._call("flatten", node, 1)
        width = _width(node)
        if policy is None and width not in (self.actions, self.actions - 1):
            self._refuse(
                "policy",
                shape,
                f"(N, {self.actions}): the squares row by row, then the pass",
                "policy=, the action that each output is (or size=)",
            )
        listed: Any = range(width) if policy is None else policy
        if callable(listed):
            try:
                listed = [listed(i) for i in range(width)]
            # A function of one's own can fail in any way.
            except Exception as error:
                msg = f"policy fails on outputs 0 to {width - 1}: {error}"
                raise NetworkError(msg) from error
        asked = np.asarray(listed)
        known = asked[asked >= 0] if asked.dtype.kind in "iu" else asked
        if (
            asked.shape != (width,)
            or asked.dtype.kind not in "iu"
            or (asked >= self.actions).any()
            or len(np.unique(known)) < len(known)
        ):
            msg = (
                f"policy names {len(asked)} actions for {width} outputs, expected for "
                f"each another number from 0 to {self.actions - 1}, or -1 for none"
            )
            raise NetworkError(msg)
        if (missing := self.actions - len(known)) > 0:
            which = f"{missing} of {self.actions} actions"
            if set(range(self.actions)) - set(known.tolist()) == {self.actions - 1}:
                which = "a pass"
            self.notes.append(
                f"the policy has no output for {which}; its logit is 0, and as target "
                "it has no relevance"
            )
        if np.array_equal(asked, np.arange(width)):
            return node
        matrix = torch.zeros(self.actions, width, dtype=torch.float64)
        matrix[torch.from_numpy(known.astype(np.int64)), np.flatnonzero(asked >= 0)] = 1
        return self._times(node, matrix, "policy_of_squares")

    def _value(self, node: fx.Node, value: str) -> fx.Node:
        node = self._without_end(node, "value", _ENDS[value])
        shape = _shape(node)
        width = 1 if value == "scalar" else 3
        if shape[:1] != (N_PROBED,) or _width(node) != width:
            expected = "(N, 1)" if width == 1 else "(N, 3): win, draw and loss"
            wdl = width == 1 and shape == (N_PROBED, 3)
            self._refuse(
                "value", shape, expected, "value='wdl'" if wdl else "value= or outputs="
            )
        if len(shape) != 2:
            node = self._as_column(node)
        if value == "scalar":
            return node
        return self._times(node, torch.tensor([[1.0, 0, -1]]), "win_minus_loss")

    def _as_column(self, node: fx.Node) -> fx.Node:
        """Take off what made (N, 1) into (N,), or undo it."""
        before = node.all_input_nodes
        if _name(self.traced, node) in _VIEWS and _shape(before[0]) == (N_PROBED, 1):
            return before[0]
        return self._call("reshape", node, -1, 1)

    def _without_end(self, node: fx.Node, head: str, ends: Sequence[str]) -> fx.Node:
        """Take off a softmax or tanh, past views that follow it."""
        views, at = [], node
        while _name(self.traced, at) in _VIEWS and at.all_input_nodes:
            views.append(at)
            at = at.all_input_nodes[0]
        name = _name(self.traced, at)
        if name not in ends:
            return node
        self.notes.append(f"the {name.lower()} that the {head} ends in is taken off")
        if not views:
            return at.all_input_nodes[0]
        views[-1].replace_input_with(at, at.all_input_nodes[0])
        return node

    def _times(self, node: fx.Node, matrix: Tensor, name: str) -> fx.Node:
        """Multiply a head by a matrix: its last linear module, where it can be."""
        named = str(node.target) if node.op == "call_module" else ""
        module = self.traced.get_submodule(named)
        calls = [n for n in self.traced.graph.nodes if str(n.target) == named]
        alone = len(node.users) == 1 and len(calls) == 1
        like = next(self.traced.parameters(), matrix)
        matrix = matrix.to(like.device, torch.float64)
        made = nn.Linear(matrix.shape[1], len(matrix), bias=False)
        if isinstance(module, nn.Linear) and alone:
            bias = module.bias is not None
            made = nn.Linear(module.in_features, len(matrix), bias=bias)
            made.weight.data = (matrix @ module.weight.double()).to(module.weight)
            if module.bias is not None:
                made.bias.data = (matrix @ module.bias.double()).to(module.bias)
            self.traced.set_submodule(named, made.train(mode=False))
            return node
        made.weight.data = matrix.to(like)
        self.traced.add_module(name, made.train(mode=False))
        with self.traced.graph.inserting_after(node):
            return self._shaped(
                self.traced.graph.call_module(name, (node,)), (N_PROBED, len(matrix))
            )

    def _call(self, method: str, node: fx.Node, *args: int) -> fx.Node:
        shape = (N_PROBED, _width(node))
        with self.traced.graph.inserting_after(node):
            made = self.traced.graph.call_method(method, (node, *args))
        return self._shaped(made, shape)

    @staticmethod
    def _shaped(node: fx.Node, shape: tuple[int, ...]) -> fx.Node:
        node.meta["shape"] = shape
        return node

    def _refuse(
        self, head: str, found: tuple[int, ...], expected: str, argument: str
    ) -> None:
        msg = (
            f"the {head} of {self.name} has shape {spell([found])}, expected "
            f"{expected}; pass {argument}"
        )
        raise NetworkError(msg)


def _heads(
    name: str, given: Any, returned: Any, outputs: Outputs
) -> dict[str, fx.Node]:
    """Return the nodes of policy and value among those that a module returns."""
    if isinstance(returned, Mapping):
        return _keyed_heads(name, given, outputs)
    order = () if isinstance(outputs, Mapping | str) else tuple(outputs)
    named = [each for each in order if each is not None]
    if not named or set(named) - set(HEADS) or len(set(named)) < len(named):
        msg = (
            f"outputs is {outputs!r}, expected 'policy' and 'value' in the order in "
            f"which {name} returns them, and None for what is neither"
        )
        raise NetworkError(msg)
    if getattr(given, "target", None) is type(returned):
        given = given.args  # a named tuple
    nodes = list(given) if isinstance(given, tuple | list) else [given]
    if len(nodes) == 1 and order == HEADS:
        order = ("policy",)
    if len(nodes) != len(order):
        msg = (
            f"{name} returns {spell(shapes_of(returned))}, outputs names {len(order)} "
            "of them; pass outputs= with each in its order, and None for what is "
            "neither policy nor value"
        )
        raise NetworkError(msg)
    return {head: node for head, node in zip(order, nodes, strict=True) if head}


def _keyed_heads(
    name: str, given: Mapping[str, fx.Node], outputs: Outputs
) -> dict[str, fx.Node]:
    keys = outputs if isinstance(outputs, Mapping) else {h: h for h in outputs if h}
    if tuple(keys) == HEADS and "policy" in given and outputs == HEADS:
        keys = {head: head for head in HEADS if head in given}
    if set(keys) - set(HEADS) or any(key not in given for key in keys.values()):
        found = ", ".join(repr(key) for key in given)
        msg = (
            f"{name} returns a dict of {found}; pass outputs= with the key of each, "
            "such as {'policy': 'pi', 'value': 'v'}"
        )
        raise NetworkError(msg)
    return {head: given[key] for head, key in keys.items()}


class Shapes(fx.Interpreter):
    """A forward pass that notes the shape of every tensor at its node."""

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and note its shape."""
        found = super().run_node(n)
        n.meta["shape"] = tuple(found.shape) if isinstance(found, Tensor) else ()
        return found


def _shape(node: fx.Node) -> tuple[int, ...]:
    return cast("tuple[int, ...]", node.meta["shape"])


def _width(node: fx.Node) -> int:
    return int(np.prod(_shape(node)[1:]))


def _is_in_place(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(traced.get_submodule(str(node.target)), "inplace", False))
    inplace = any(v is True for v in (node.kwargs.get("inplace"), *node.args))
    changed = _name(traced, node) in ("iadd", "isub", "imul", "itruediv")
    return inplace or changed or _name(traced, node).endswith("_")


def _name(traced: fx.GraphModule, node: fx.Node) -> str:
    """Name what a node does: the class of a module, or a function."""
    if node.op == "call_module":
        return type(traced.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))


def _in_place(name: str) -> Any:
    def change(value: fx.Proxy, other: Any) -> fx.Proxy:
        target = getattr(operator, name)
        return value.tracer.create_proxy("call_function", target, (value, other), {})

    return change


class _Proxy(fx.Proxy):
    """A value whose changes in place are traced as such, unlike torch's own."""

    __iadd__, __isub__ = _in_place("iadd"), _in_place("isub")
    __imul__, __itruediv__ = _in_place("imul"), _in_place("itruediv")


class Tracer(fx.Tracer):
    """A tracer that keeps zennit's layers whole, as it does torch's own."""

    def create_args_for_root(self, root_fn: Any, *given: Any) -> Any:
        """Trace the planes alone: what else a forward takes keeps its default."""
        return super().create_args_for_root(
            lambda m, planes: root_fn(m, planes), *given
        )

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Wrap a node in a value that knows changes in place."""
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is called whole."""
        whole = type(m).__module__.startswith("zennit.")
        return whole or super().is_leaf_module(m, module_qualified_name)
