"""Any module as a board network: its contract named, and checked at the door.

A module is traced once. What its outputs are is read off a probe of three boards, and
what stands between them and policy logits (N, n * n + 1) with a value before tanh
(N, 1) is taken off or folded into the last linear module, so that every layer keeps
its name and the network is explained as one written by hand would be.

Shapes use N positions, P planes and a board of n x n squares.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, fx, nn

from conceptlrp.errors import NetworkError, check_type
from conceptlrp.networks.architectures import SIZES, BoardNetwork
from conceptlrp.networks.planes import BoardsToPlanes, Encoding

Outputs = Sequence[str | None] | Mapping[str, str]
Policy = Sequence[int] | Callable[[int], int] | None

_HEADS = ("policy", "value")
_ENDS = {
    "policy": ("log_softmax", "softmax", "LogSoftmax", "Softmax"),
    "scalar": ("tanh", "Tanh"),
    "wdl": ("log_softmax", "softmax", "LogSoftmax", "Softmax"),
}
_VIEWS = ("squeeze", "flatten", "view", "reshape", "getitem", "Flatten")


@dataclass(frozen=True)
class _Contract:
    size: int
    encoding: Encoding
    notes: tuple[str, ...] = ()


class AdaptedNetwork(fx.GraphModule, BoardNetwork):
    """A module of one's own as a board network; `adapt` makes it.

    Attributes
    ----------
    size : int
        Squares along one side of the board.
    notes : tuple of str
        What was taken off or added, for a reader of the results.
    """

    options = ()

    def _take(self, contract: _Contract) -> "AdaptedNetwork":
        self.__dict__["contract"] = contract
        return self

    @property
    def size(self) -> int:  # type: ignore[override]
        """Squares along one side of the board."""
        return self._contract.size

    @property
    def planes(self) -> int:  # type: ignore[override]
        """Input planes."""
        return self.encoding.planes

    @property
    def encoding(self) -> Encoding:
        """How a board becomes the network's planes."""
        return self._contract.encoding

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken off or added."""
        return self._contract.notes

    @property
    def architecture(self) -> dict[str, str | int]:
        """Name of the module's class, size and encoding."""
        name, encode = type(self).__name__, self.encoding.name
        return {"name": name, "size": self.size, "encode": encode}

    @property
    def source(self) -> tuple[nn.Module, dict[str, Any]]:
        """The module and arguments of `adapt`, until the network is copied."""
        return cast("tuple[nn.Module, dict[str, Any]]", self.__dict__["made_of"])

    @property
    def _contract(self) -> _Contract:
        return cast("_Contract", self.__dict__["contract"])

    def __repr__(self) -> str:
        weights = sum(parameter.numel() for parameter in self.parameters())
        return (
            f"{type(self).__name__}(adapted; {self.encoding.name}, {self.size} x "
            f"{self.size}, {weights:,} weights)"
        )

    __str__ = __repr__

    # `fx.GraphModule` copies and pickles what its graph refers to, and no more.
    def __deepcopy__(self, memo: dict[int, Any]) -> "AdaptedNetwork":
        copied = cast("AdaptedNetwork", super().__deepcopy__(memo))
        type(copied).__name__ = type(self).__name__
        return copied._take(self._contract)

    def __reduce__(self) -> tuple[Any, ...]:
        make, (content, imports) = super().__reduce__()
        content.pop("made_of", None)
        name = type(self).__name__
        return _unpickled, (make, content, imports, name, self._contract)


def _unpickled(
    make: Any, content: Any, imports: str, name: str, contract: _Contract
) -> AdaptedNetwork:
    plain = make(content, imports)
    return AdaptedNetwork(plain, plain.graph, name)._take(contract)


def adapt(
    module: Any,
    *,
    size: int | None = None,
    encode: str | BoardsToPlanes | None = None,
    outputs: Outputs = _HEADS,
    policy: Policy = None,
    value: str = "scalar",
) -> AdaptedNetwork:
    """Make any module a board network, or say what of its contract does not hold.

    The module is used as in evaluation mode and shares its weights with what is
    returned, except for a last linear module that had to be changed.

    Parameters
    ----------
    module : Module
        Or what holds one: `DataParallel`, a compiled module, the ``NNetWrapper`` of
        alpha-zero-general.
    size : int, optional
        Squares along one side of the board; that of the module, or 8.
    encode : str or callable, optional
        What the module reads: "own-minus-opponent", planes by name such as
        "own-opponent" or "own-opponent-ones" (of own, opponent, empty, ones, legal and
        zeros, "zeros14" being 14 of them), or a function of boards (N, n, n), +1 own
        and -1 the opponent's, to planes (N, P, n, n). By default the first two, by the
        planes that the first convolution reads. Relevance on a plane of legal moves is
        relevance on a function of the board.
    outputs : sequence of str or None, or dict
        What the module returns, in its order: "policy", "value" and None for what is
        left out; or, where it returns a dict, the key of each.
    policy : sequence of int or callable, optional
        Which action each output of the policy is: ``n * row + column`` of a square,
        n * n for the pass, -1 for none. By default square after square, then the pass.
    value : str
        "scalar" before its tanh, or "wdl": win, draw and loss, of which win minus loss
        is explained.

    Returns
    -------
    AdaptedNetwork
        Policy logits (N, n * n + 1), or (N, n * n) without a pass, and, where there is
        one, value (N, 1) of planes (N, P, n, n). An action that the module has no
        output for has logit 0 and no relevance. A softmax or tanh at the end is taken
        off, with a warning.

    Raises
    ------
    NetworkError
        If the module cannot be traced or read such planes, or returns something else;
        the message says which shape was found and which argument to give.

    Examples
    --------
    >>> from torch import nn
    >>> module = nn.Sequential(
    ...     nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 65)
    ... )
    >>> network = adapt(module.eval())
    >>> network.encoding.name, network.size
    ('own-opponent', 8)
    """
    given: dict[str, Any] = {"size": size, "encode": encode, "outputs": outputs}
    given |= {"policy": policy, "value": value}
    module = unwrap(module)
    if value not in ("scalar", "wdl"):
        msg = f"value is {value!r}, expected 'scalar' or 'wdl'"
        raise NetworkError(msg)
    size = board_size(module) if size is None else size
    if size not in SIZES:
        msg = f"size is {size}, expected 6 or 8"
        raise NetworkError(msg)
    encoding = Encoding.of(encode or default_encoding(module), size)
    adapter = _Adapter(_traced(module), type(module).__name__, size, encoding)
    adapter.adapt(outputs, policy, value)
    for note in adapter.notes:
        warnings.warn(f"{adapter.name}: {note}", stacklevel=2)
    found = AdaptedNetwork(adapter.traced, adapter.traced.graph, adapter.name)
    found.__dict__["made_of"] = (module, given)
    contract = _Contract(size, encoding, tuple(adapter.notes))
    return found._take(contract).eval()


def unwrap(network: Any) -> nn.Module:
    """Return the module inside wrappers: parallel, compiled, alpha-zero-general's."""
    while True:
        inner = [
            vars(network).get("_modules", {}).get(name) or vars(network).get(name)
            for name in _inside(network)
        ]
        if not inner:
            break
        network = inner[0]
    check_type(network, nn.Module, "network", "a torch module")
    return cast("nn.Module", network)


def is_wrapped(network: object) -> bool:
    """Whether a network has to be unwrapped, or is alpha-zero-general's own."""
    azg = {"action_size", "board_x", "args"}
    return bool(_inside(network)) or azg <= getattr(network, "__dict__", {}).keys()


def _inside(network: object) -> list[str]:
    if isinstance(network, nn.Module):
        parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
        if isinstance(network, parallel):
            return ["module"]
        return ["_orig_mod"] if "_orig_mod" in network._modules else []
    inner = getattr(network, "__dict__", {}).get("nnet")
    return ["nnet"] if isinstance(inner, nn.Module) else []


def board_size(module: nn.Module) -> int:
    """Return what a module says the side of its board is, or 8."""
    # alpha-zero-general's has a width.
    found = getattr(module, "size", vars(module).get("board_x", 8))
    return found if isinstance(found, int) else 8


def default_encoding(network: nn.Module) -> str:
    """Return the encoding for the planes that the first convolution reads."""
    convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    n_planes = getattr(next(convolutions, None), "in_channels", 1)
    if n_planes not in (1, 2):
        msg = (
            f"the network reads {n_planes} planes, expected 1 (own minus opponent) or "
            "2 (own discs, opponent's discs); name them by conceptlrp.networks.adapt("
            "module, encode=...), such as encode='own-opponent-ones'"
        )
        raise NetworkError(msg)
    return "own-minus-opponent" if n_planes == 1 else "own-opponent"


def check_outputs(network: nn.Module, size: int, encoding: Encoding) -> None:
    """Refuse a module whose outputs are not those of a board network."""
    hint = "make it a board network by conceptlrp.networks.adapt(module, ...)"
    returned = _run(network, type(network).__name__, size, encoding)
    listed = [returned] if isinstance(returned, Tensor) else returned
    actions = size * size + 1
    expected = f"policy (N, {actions}), or a tuple of it and value (N, 1)"
    shapes = _shapes(returned)
    is_board = shapes[:1] in ([(_N, actions)], [(_N, actions - 1)])
    if not (
        isinstance(listed, tuple | list) and is_board and shapes[1:] in ([], [(_N, 1)])
    ):
        found = f"a {type(returned).__name__} of shapes " if len(shapes) > 1 else ""
        said = f"{found}{_spell(shapes)}" if shapes else type(returned).__name__
        msg = f"the network returns {said}, expected {expected}; {hint}"
        raise NetworkError(msg)


_N = 3


def _run(network: nn.Module, name: str, size: int, encoding: Encoding) -> Any:
    """Run a module on three boards; what it fails with is said in our words."""
    weight = next((p for p in network.parameters() if p.is_floating_point()), None)
    like = torch.zeros(()) if weight is None else weight
    boards = np.random.default_rng(0).integers(-1, 2, (_N, size, size), np.int8)
    planes = torch.from_numpy(encoding(boards)).to(like.device, like.dtype)
    try:
        with torch.no_grad():
            return network(planes)
    # The module is of anyone, and so is what it raises.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        msg = (
            f"{name} fails on planes (N, {encoding.planes}, {size}, {size}) of "
            f"{encoding.name} ({reason}); say what it reads by "
            "conceptlrp.networks.adapt(module, encode=..., size=...)"
        )
        raise NetworkError(msg) from error


def _shapes(returned: Any) -> list[tuple[int, ...]]:
    """Return the shapes of tensors that a module returned, of nested ones too."""
    if isinstance(returned, Tensor):
        return [tuple(returned.shape)]
    if isinstance(returned, Mapping):
        returned = list(returned.values())
    listed = returned if isinstance(returned, tuple | list) else ()
    return [shape for each in listed for shape in _shapes(each)]


def _spell(shapes: Sequence[tuple[int, ...]]) -> str:
    """Write shapes with N for the number of positions."""
    named = [
        ("N" if i == 0 and n == _N else n for i, n in enumerate(s)) for s in shapes
    ]
    return " and ".join(f"({', '.join(map(str, each))})" for each in named)


class _Tracer(fx.Tracer):
    """A tracer that keeps zennit's layers whole, as it does torch's own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        whole = type(m).__module__.startswith("zennit.")
        return whole or super().is_leaf_module(m, module_qualified_name)


def _traced(module: nn.Module) -> fx.GraphModule:
    """Trace a module as it is in evaluation mode; it is left in its own."""
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        traced = fx.GraphModule(module, _Tracer().trace(module))
    # A forward of any code can fail in any way.
    except Exception as error:
        name, reason = type(module).__name__, str(error).partition("\n")[0]
        msg = (
            f"{name} cannot be traced ({reason}); its flow must not depend on the "
            "values of its input"
        )
        raise NetworkError(msg) from error
    finally:
        for each in training:
            each.training = True
    # What is replaced here must not be replaced in the module.
    for path in {name.rpartition(".")[0] for name, _ in traced.named_modules()}:
        parent = traced.get_submodule(path)
        parent._modules = copy(parent._modules)
    return traced.eval() if not training else traced


class _Adapter:
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
        returned = _run(self.traced, self.name, self.size, self.encoding)
        self._record_shapes()
        end = next(n for n in self.traced.graph.nodes if n.op == "output")
        heads = _heads(self.name, end.args[0], returned, outputs)
        self._check_order(heads)
        made = [self._policy(heads["policy"], policy)]
        if "value" in heads:
            made.append(self._value(heads["value"], value))
        end.args = (tuple(made),)
        self.traced.graph.eliminate_dead_code()
        self.traced.graph.lint()
        self.traced.recompile()

    def _record_shapes(self) -> None:
        record = _Shapes(self.traced)
        weight = next(self.traced.parameters(), torch.zeros(()))
        boards = np.zeros((_N, self.size, self.size), np.int8)
        planes = torch.from_numpy(self.encoding(boards))
        with torch.no_grad():
            record.run(planes.to(weight.device, weight.dtype))

    def _check_order(self, heads: Mapping[str, fx.Node]) -> None:
        """Refuse a value where the policy should be."""
        widths = {name: _width(node) for name, node in heads.items()}
        shapes = _spell([_shape(node) for node in heads.values()])
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
        if len(shape) != 2 or shape[0] != _N:
            if not shape or shape[0] != _N:
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
            listed = [listed(i) for i in range(width)]
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
        if shape[:1] != (_N,) or _width(node) != width:
            expected = "(N, 1)" if width == 1 else "(N, 3): win, draw and loss"
            wdl = width == 1 and shape == (_N, 3)
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
        if _name(self.traced, node) in _VIEWS and _shape(before[0]) == (_N, 1):
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
        module = self._module(node)
        alone = len(node.users) == 1
        like = next(self.traced.parameters(), matrix)
        matrix = matrix.to(like.device, torch.float64)
        made = nn.Linear(matrix.shape[1], len(matrix), bias=False)
        if isinstance(module, nn.Linear) and alone:
            bias = module.bias is not None
            made = nn.Linear(module.in_features, len(matrix), bias=bias)
            made.weight.data = (matrix @ module.weight.double()).to(module.weight)
            if module.bias is not None:
                made.bias.data = (matrix @ module.bias.double()).to(module.bias)
            self.traced.set_submodule(str(node.target), made.train(mode=False))
            return node
        made.weight.data = matrix.to(like)
        self.traced.add_module(name, made.train(mode=False))
        with self.traced.graph.inserting_after(node):
            return self._shaped(
                self.traced.graph.call_module(name, (node,)), (_N, len(matrix))
            )

    def _call(self, method: str, node: fx.Node, *args: int) -> fx.Node:
        shape = (_N, _width(node))
        with self.traced.graph.inserting_after(node):
            made = self.traced.graph.call_method(method, (node, *args))
        return self._shaped(made, shape)

    @staticmethod
    def _shaped(node: fx.Node, shape: tuple[int, ...]) -> fx.Node:
        node.meta["shape"] = shape
        return node

    def _module(self, node: fx.Node) -> nn.Module | None:
        if node.op != "call_module":
            return None
        return self.traced.get_submodule(str(node.target))

    def _refuse(
        self, head: str, found: tuple[int, ...], expected: str, argument: str
    ) -> None:
        msg = (
            f"the {head} of {self.name} has shape {_spell([found])}, expected "
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
    if not named or set(named) - set(_HEADS) or len(set(named)) < len(named):
        msg = (
            f"outputs is {outputs!r}, expected 'policy' and 'value' in the order in "
            f"which {name} returns them, and None for what is neither"
        )
        raise NetworkError(msg)
    nodes = [given] if isinstance(given, fx.Node) else list(given)
    if len(nodes) == 1 and order == _HEADS:
        order = ("policy",)
    if len(nodes) != len(order):
        msg = (
            f"{name} returns {_spell(_shapes(returned))}, outputs names {len(order)} "
            "of them; pass outputs= with each in its order, and None for what is "
            "neither policy nor value"
        )
        raise NetworkError(msg)
    return {head: node for head, node in zip(order, nodes, strict=True) if head}


def _keyed_heads(
    name: str, given: Mapping[str, fx.Node], outputs: Outputs
) -> dict[str, fx.Node]:
    keys = outputs if isinstance(outputs, Mapping) else {h: h for h in outputs if h}
    if tuple(keys) == _HEADS and "policy" in given and outputs == _HEADS:
        keys = {head: head for head in _HEADS if head in given}
    if set(keys) - set(_HEADS) or any(key not in given for key in keys.values()):
        found = ", ".join(repr(key) for key in given)
        msg = (
            f"{name} returns a dict of {found}; pass outputs= with the key of each, "
            "such as {'policy': 'pi', 'value': 'v'}"
        )
        raise NetworkError(msg)
    return {head: given[key] for head, key in keys.items()}


class _Shapes(fx.Interpreter):
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


def _name(traced: fx.GraphModule, node: fx.Node) -> str:
    """Name what a node does: the class of a module, or a function."""
    if node.op == "call_module":
        return type(traced.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))
