"""One spelling for each operation: functions, methods and operators become modules.

zennit's rules sit on modules, and the native engine knows modules, so a ``torch.tanh``,
a ``mean`` over the board or a ``* 0.5`` has to become the module that it equals before
any rule is looked for. The network is run once on two boards: shapes tell a ``view``
that flattens from another, and what does not depend on the board is a constant.
"""

import copy
import math
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

from conceptlrp.lrp._zennit import Activation, Sum
from conceptlrp.lrp.engine.elementwise import NORMING, NORMS, Affine, Gate, norm_steps
from conceptlrp.lrp.engine.moving import MOVERS, MOVING, Choice, as_mover, numbers_like
from conceptlrp.lrp.engine.rewriting import Rewriting
from conceptlrp.networks.heads import SAME

#: Functions and methods that are named as modules are, but for case and underscores.
_NAMED = (
    *(nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.AvgPool2d, nn.MaxPool2d),
    *(nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh),
    *(nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.Sigmoid),
    *(nn.SiLU, nn.Softplus, nn.Softsign, nn.Tanh),
)
_KINDS: dict[str, Any] = {kind.__name__.lower(): kind for kind in _NAMED}
_KEEPING = (*SAME, nn.Flatten)
#: Modules without a state, which may be called more than once.
_STATELESS = (Activation, *_KEEPING, *_NAMED)
#: What a gate ends in, the surest sign of one first.
_GATES = ((nn.Sigmoid, nn.Hardsigmoid), (nn.Tanh, nn.Hardtanh))
_CASTS = "bfloat16 cpu cuda double float half to type type_as"
_SAME = (*_CASTS.split(), "clone", "contiguous", "dropout", "dropout2d")
#: What reads a shape and no value.
_FILLED = ("full_like", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like")
#: What reads values and puts out no tensor.
_READING = ("allclose", "equal", "is_nonzero", "item", "tolist")
_SIGNS = {
    "+": ("add", "iadd"),
    "-": ("sub", "isub", "subtract"),
    "*": ("mul", "imul", "multiply"),
    "/": ("div", "divide", "truediv", "itruediv", "true_divide"),
}
_ARITHMETIC = {name: sign for sign, names in _SIGNS.items() for name in names}
_JOINING = ("cat", "concat", "concatenate", "hstack")


def operation_name(node: fx.Node) -> str:
    """Name a function, operator or method of torch's, "" for any other node."""
    if node.op == "call_method":
        return str(node.target).rstrip("_")
    if node.op != "call_function":
        return ""
    origin = getattr(node.target, "__module__", None) or "torch"
    if origin.split(".")[0] not in ("torch", "_operator", "builtins"):
        return ""
    return str(getattr(node.target, "__name__", node.target)).strip("_")


def normalize(traced: fx.GraphModule, planes: Tensor) -> fx.GraphModule:
    """Give every operation that has a module its module, in place.

    Shapes: `planes` (N, P, n, n), of at least two boards.
    """
    _Speller(traced, planes).rewrite()
    traced.graph.eliminate_dead_code()
    traced.graph.lint()
    traced.recompile()
    return traced


class _Speller:
    """One traced network with the values of its nodes on a few boards."""

    def __init__(self, traced: fx.GraphModule, planes: Tensor) -> None:
        self.traced = traced
        self.graph = Rewriting(traced, planes)
        self.values = self.graph.values
        self.constant: set[fx.Node] = set()

    def rewrite(self) -> None:
        called: dict[str, bool] = {}
        for node in list(self.traced.graph.nodes):
            if node.op in ("placeholder", "output"):
                continue
            if self._is_constant(node):
                self.constant.add(node)
                node.meta["constant"] = True
            elif node.op == "call_module":
                self._own_module(node, called)
            else:
                self._spell(node, operation_name(node))

    def _is_constant(self, node: fx.Node) -> bool:
        value, name = self.values[node], operation_name(node)
        varying = set(node.all_input_nodes) - self.constant
        if not isinstance(value, Tensor):
            parts = value if isinstance(value, tuple | list) else (0,)
            known = all(isinstance(self.values[each], Tensor) for each in varying)
            known &= name not in _READING or not varying
            return known and all(isinstance(part, int) for part in parts)
        if node.op == "get_attr" or name in _FILLED:
            return varying <= {*node.args[:1]}
        return node.op != "call_module" and bool(node.all_input_nodes) and not varying

    def _own_module(self, node: fx.Node, called: dict[str, bool]) -> None:
        """Give each call of a module without a state a module of its own."""
        name = str(node.target)
        module: Any = self.traced.get_submodule(name)
        if isinstance(module, NORMS):
            self._norm(node, module)
            return
        if isinstance(module, MOVERS):
            self._move(node, node.all_input_nodes[0])
            return
        if getattr(module, "padding_mode", "zeros") != "zeros":
            self._pad(node, module)
        in_place = called.get(name, bool(getattr(module, "inplace", False)))
        if name in called and isinstance(module, _STATELESS):
            node.target = self.graph.add(node.name, copy.deepcopy(module))
        elif in_place and name not in called:
            # The network's own module stays as it is.
            module = copy.copy(module)
            module.inplace = False
            self.traced.set_submodule(name, module)
        if in_place:
            self.graph.redirect(node.all_input_nodes[0], node, node)
        called[name] = in_place

    def _spell(self, node: fx.Node, name: str) -> None:
        value = self.values[node]
        if not isinstance(value, Tensor | tuple | list) or not node.args:
            return
        sources = [n for n in node.all_input_nodes if n not in self.constant]
        first: Any = node.args[0]
        alone = first in sources and (len(sources) == 1 or name.endswith("_as"))
        pooled = alone and operation_name(first) == "max"
        if name in MOVING and alone and not pooled:
            self._move(node, first)
        elif not isinstance(value, Tensor):
            return
        elif name in ("conv2d", "linear", "matmul", "prelu"):
            self._with_weights(node, name)
        elif name in _ARITHMETIC:
            self._arithmetic(node, _ARITHMETIC[name])
        elif name in _JOINING:
            self._join(node, name)
        elif name in _SAME and first in sources:
            if first in self.graph.moved:
                self.graph.moved[node] = self.graph.moved[first]
            elif self.values[first].is_floating_point():
                self.graph.replace(node, nn.Identity(), first)
        elif pooled and node.args[1] in (0, "values"):
            self._pool(node, "max", first.args[0], self.graph.argument(first, 1, "dim"))
        elif not self._is_only(sources, node):
            return
        elif node.target in NORMING:
            self._norm(node, node.target)
        elif name.replace("_", "") in _KINDS:
            given = [self.graph.given(each) for each in node.args[1:]]
            kept = {k: self.graph.given(v) for k, v in node.kwargs.items()}
            kept.pop("training", None)
            module = _KINDS[name.replace("_", "")](*given, **kept)
            self.graph.replace(node, module, sources[0])
        elif name == "neg":
            self.graph.replace(node, Affine(value.new_tensor(-1.0)), sources[0])
        elif name in ("clamp", "clip", "clamp_min"):
            self._clamp(node, sources[0])
        elif name in ("mean", "sum", "amax"):
            self._pool(node, name, first, self.graph.argument(node, 1, "dim"))

    def _is_only(self, sources: list[fx.Node], node: fx.Node) -> bool:
        """Whether a node's first argument is a tensor, and all others constants."""
        first = node.args[:1] == tuple(sources)
        return first and isinstance(self.values[sources[0]], Tensor)

    def _norm(self, node: fx.Node, norm: Any) -> None:
        found, given = node.all_input_nodes[0], self.graph.given(node.args)
        kwargs = {name: self.graph.given(value) for name, value in node.kwargs.items()}
        for step in norm_steps(norm, (self.values[found], *given[1:]), kwargs):
            found = self.graph.call(node, step, found)
        self.graph.become(node, found)

    def _with_weights(self, node: fx.Node, name: str) -> None:
        """Give weights that are arguments a module of their own."""
        source, weight = node.args[0], self.graph.argument(node, 1, "weight")
        given = [n for n in node.all_input_nodes if n is not source]
        if source in self.constant or not self.constant.issuperset(given):
            return
        value = self.values[source]  # type: ignore[index]
        bias = self.graph.argument(node, 2, "bias") if name != "prelu" else None
        module: nn.Module
        if name == "prelu":
            module = nn.PReLU(weight.numel())
        elif name == "conv2d" and value.dim() == 4:
            defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
            options = {
                name: self.graph.argument(node, at, name, default)
                for at, (name, default) in enumerate(defaults.items(), 3)
            }
            sizes = weight.shape[1] * options["groups"], len(weight)
            kernel = tuple(weight.shape[2:])
            module = nn.Conv2d(*sizes, kernel, bias=bias is not None, **options)
        elif value.dim() == 2 and weight.dim() == 2:
            weight = weight.T if name == "matmul" else weight
            module = nn.Linear(weight.shape[1], len(weight), bias is not None)
        else:
            return
        module.weight = nn.Parameter(weight.detach().clone())
        if bias is not None:
            module.bias = nn.Parameter(bias.detach().clone())
        self.graph.replace(node, module, source)  # type: ignore[arg-type]

    def _arithmetic(self, node: fx.Node, sign: str) -> None:
        first, second = node.args[0], self._argument_node(node)
        named = str(getattr(node.target, "__name__", ""))
        if named.startswith("i"):
            node.target = getattr(operator, named[1:])
            self.graph.redirect(first, node, node)  # type: ignore[arg-type]
        varying = [
            isinstance(each, fx.Node) and each not in self.constant
            for each in (first, second)
        ]
        factor = self.graph.argument(node, 2, "alpha", 1) if sign in "+-" else 1
        read = [e for e, each in zip((first, second), varying, strict=True) if each]
        if node.kwargs.get("rounding_mode") is not None or not all(
            isinstance(self.values[each], Tensor) for each in read
        ):
            return
        if all(varying):
            self._pair(node, sign, factor)
        elif varying[0]:
            self._affine(node, sign, first, self.graph.given(second), factor)
        elif sign != "/" and varying[1] and factor == 1:
            self._affine(node, f"r{sign}", second, self.graph.given(first), factor)

    def _argument_node(self, node: fx.Node) -> Any:
        return node.args[1] if len(node.args) > 1 else node.kwargs.get("other")

    def _affine(
        self, node: fx.Node, sign: str, source: Any, constant: Any, factor: Any
    ) -> None:
        value, old = self.values[node], self.values[source]
        if value.shape != old.shape or not old.is_floating_point():
            return
        given = torch.as_tensor(constant, dtype=old.dtype)
        if given.dim():
            given = given.expand(old.shape)
            # What differs between positions is no constant.
            if not bool((given == given[:1]).all()):
                return
            given = given[0]
        one = torch.ones_like(given)
        if sign[-1] in "*/":
            made = Affine(given if sign[-1] == "*" else 1.0 / given)
        elif sign == "r-":
            made = Affine(-one, given)
        else:
            made = Affine(one, given * (-factor if sign == "-" else factor))
        self.graph.replace(node, made, source)

    def _pair(self, node: fx.Node, sign: str, factor: Any) -> None:
        """Add, subtract or gate two feature maps."""
        first, second = node.args[0], self._argument_node(node)
        value = self.values[node]
        assert isinstance(first, fx.Node)
        if sign == "*":
            self._gate(node, first, second)
        if sign not in "+-":
            return
        scale = (1.0 if sign == "+" else -1.0) * factor
        if scale != 1.0:
            second = self.graph.call(node, Affine(value.new_tensor(scale)), second)
        spread = [self._spread(node, each, value) for each in (first, second)]
        if None in spread:
            return
        pair = self._alike(node, spread)
        with self.traced.graph.inserting_before(node):
            stack = self.traced.graph.call_function(torch.stack, (pair, -1))
        self.values[stack] = torch.stack([self.values[each] for each in pair], -1)
        self.graph.replace(node, Sum(), stack)

    def _spread(self, node: fx.Node, source: fx.Node, like: Tensor) -> fx.Node | None:
        """Spread one square a channel over a map, or one channel; None for others."""
        old = self.values[source]
        if old.shape == like.shape:
            return source
        if like.dim() != 4 or old.dim() != 4:
            return None
        moved = as_mover(old, numbers_like(old).expand(like.shape))
        return None if moved is None else self.graph.call(node, moved, source)

    def _gate(self, node: fx.Node, first: fx.Node, second: fx.Node) -> None:
        for kinds in _GATES:
            ends = [self._ends_in(each, kinds) for each in (first, second)]
            if ends[0] == ends[1]:
                continue
            gate, source = (first, second) if ends[0] else (second, first)
            own = self._smooth(gate, source)
            if own is not None:
                self.graph.replace(node, own, source)
                return
            spread = self._spread(node, source, self.values[node])
            if spread is not None:
                self.graph.replace(node, Gate(), spread, gate)
            return

    def _smooth(self, gate: fx.Node, source: fx.Node) -> nn.Module | None:
        """Find the activation that a value and a gate made of it are."""
        read = gate.all_input_nodes[:1]
        if gate.op != "call_module":
            return None
        kind = type(self.traced.get_submodule(str(gate.target)))
        if kind in (nn.Sigmoid, nn.Hardsigmoid) and read == [source]:
            return nn.SiLU() if kind is nn.Sigmoid else None
        if kind is nn.Tanh and read and self._ends_in(read[0], (nn.Softplus,)):
            return nn.Mish() if read[0].all_input_nodes == [source] else None
        return None

    def _ends_in(self, node: fx.Node, kinds: tuple[type[nn.Module], ...]) -> bool:
        """Whether a value comes from one of some modules, reshaped at most."""
        factor = 1.0
        while node.op not in ("placeholder", "get_attr"):
            if node.op == "call_module":
                module = self.traced.get_submodule(str(node.target))
                if isinstance(module, kinds):
                    # Of a clamp, as a ReLU6 is, one to -1 or 0 and 1 at most.
                    ends = [getattr(module, end, 0) for end in ("min_val", "max_val")]
                    return bool(factor * max(map(abs, ends)) <= 1 + 1e-6)
                if isinstance(module, Affine):
                    factor *= float(module.weight.abs().max())
                passes = isinstance(module, (*_KEEPING, Choice))
                passes |= isinstance(module, Affine) and module.bias is None
            else:
                passes = operation_name(node) in MOVING
            if not passes:
                return False
            node = node.all_input_nodes[0]
        return False

    def _clamp(self, node: fx.Node, source: fx.Node) -> None:
        low, high = (
            self.graph.argument(node, 1, "min"),
            self.graph.argument(node, 2, "max"),
        )
        if low == 0 and high is None:
            self.graph.replace(node, nn.ReLU(), source)
        elif not isinstance(low, Tensor | None) and not isinstance(high, Tensor | None):
            self.graph.replace(node, nn.Hardtanh(low, high), source)

    def _move(self, node: fx.Node, source: fx.Node) -> None:
        """Find what only moves values by moving their numbers."""
        value = self.values[source]
        if source not in self.graph.moved and not isinstance(value, Tensor):
            return
        root, numbers = self.graph.moved.get(source) or (source, numbers_like(value))
        args, kwargs = fx.node.map_arg(
            (node.args, node.kwargs),
            lambda each: numbers if each is source else self.values[each],
        )
        self._settle(
            node, root, getattr(self.graph, node.op)(node.target, args, kwargs)
        )

    def _settle(self, node: fx.Node, root: fx.Node, numbers: Any) -> None:
        """Let a module choose values by number, or keep the numbers for the next."""
        found = None
        ends = [u.op == "output" or operation_name(u) in MOVING for u in node.users]
        # Of a map or a vector there are modules, (N,) is a vector where it is read as.
        if isinstance(numbers, Tensor) and (
            numbers.dim() in (2, 4) or (numbers.dim() == 1 and all(ends))
        ):
            found = as_mover(self.values[root], numbers)
        if found is None:
            self.graph.moved[node] = root, numbers
        else:
            self.graph.replace(node, found, root)

    def _squares(self, node: fx.Node) -> int:
        """Count the squares of the map that the engine has in place of a vector."""
        while getattr(self.values[node], "ndim", 0) != 4 and node.all_input_nodes:
            if node.op == "call_module":
                module = self.traced.get_submodule(str(node.target))
                if isinstance(module, nn.Linear | Choice):
                    return 1
            node = node.all_input_nodes[0]
        return math.prod(getattr(self.values[node], "shape", ())[2:])

    def _join(self, node: fx.Node, name: str) -> None:
        """Concatenate channels, or vectors: of flattened maps of one size or none."""
        joined, dims = node.args[0], self.values[node].dim()
        dim = 1 if name == "hstack" else self.graph.argument(node, 1, "dim", 0)
        if not isinstance(joined, tuple | list) or dims < 2 or dim % dims != 1:
            return
        if dims == 4 and not self.constant.isdisjoint(joined):
            self._fill(node, joined)
            return
        node.op, node.target, node.kwargs = "call_function", torch.cat, {}
        node.args = (self._alike(node, joined), 1)

    def _fill(self, node: fx.Node, joined: Any) -> None:
        """Concatenate with constants, which are filled in where no unit is chosen."""
        parts = [(each in self.constant, self.values[each]) for each in joined]
        varying = [each for each in joined if each not in self.constant]
        with self.traced.graph.inserting_before(node):
            source = self.traced.graph.call_function(torch.cat, (varying, 1))
        values = self.values[source] = torch.cat([v for c, v in parts if not c], 1)
        sizes = [v.shape[1] for c, v in parts if not c]
        moved = iter(torch.split(numbers_like(values), sizes, 1))
        units = [torch.zeros_like(v) if c else next(moved) for c, v in parts]
        fill = torch.cat([v if c else torch.zeros_like(v) for c, v in parts], 1)
        choice = as_mover(values, torch.cat(units, 1))
        if isinstance(choice, Choice) and bool((fill == fill[:1]).all()):
            choice.fill = fill[0]
            self.graph.replace(node, choice, source)

    def _alike(self, before: fx.Node, sources: Any) -> list[fx.Node]:
        """Make vectors of flattened maps, unless all are of as many squares."""
        # Each has relevance of its own, what is read twice too.
        sources = [
            self.graph.call(before, nn.Identity(), one) if one in sources[:i] else one
            for i, one in enumerate(sources)
        ]
        squares = [self._squares(each) for each in sources]
        if len(set(squares)) == 1 or self.values[sources[0]].dim() != 2:
            return list(sources)
        counts = [self.values[each].shape[1] for each in sources]
        return [
            each
            if size == 1
            else self.graph.call(before, Choice(torch.arange(1, count + 1)), each)
            for each, size, count in zip(sources, squares, counts, strict=True)
        ]

    def _pad(self, node: fx.Node, module: nn.Conv2d) -> None:
        """Choose the border of a convolution that is not zeros, and leave it none."""
        source, bare = node.all_input_nodes[0], copy.copy(module)
        given = (module._reversed_padding_repeated_twice, module.padding_mode)
        numbers = nn.functional.pad(numbers_like(self.values[source]), *given)
        border = as_mover(self.values[source], numbers)
        node.replace_input_with(source, self.graph.call(node, border, source))
        bare.padding, bare.padding_mode = (0, 0), "zeros"
        self.traced.set_submodule(str(node.target), bare)

    def _pool(self, node: fx.Node, name: str, source: fx.Node, dim: Any) -> None:
        """Pool rows, columns or both of a map, or its squares seen as one side."""
        root, numbers = self.graph.moved.get(source, (source, None))
        old, value = self.values[root], self.values[node]
        if old.dim() != 4 or not isinstance(dim, int | tuple | list):
            return
        dims = [dim] if isinstance(dim, int) else dim
        axes = {each % self.values[source].dim() for each in dims}
        if numbers is not None:
            whole = numbers_like(old).flatten(2)
            if not (axes == {2} and torch.equal(numbers, whole)):
                return
            axes = {2, 3}
        rows, columns = (old.shape[i] if i in axes else 1 for i in (2, 3))
        area = rows * columns
        if not axes <= {2, 3} or value.numel() * area != old.numel():
            return
        kind = nn.AvgPool2d if name in ("mean", "sum") else nn.MaxPool2d
        found = self.graph.call(node, kind((rows, columns)), root)
        if name == "sum":
            found = self.graph.call(node, Affine(old.new_tensor(float(area))), found)
        self._settle(node, found, numbers_like(self.values[found]).view(value.shape))
