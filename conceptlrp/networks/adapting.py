"""Any module as a board network: its contract named, and checked at the door.

A module is traced once. What its outputs are is read off a probe of three boards, and
what stands between them and policy logits (N, n * n + 1) with a value before tanh
(N, 1) is taken off or folded into the last linear module, so that every layer keeps
its name and the network is explained as one written by hand would be.

Shapes use N positions, P planes and a board of n x n squares.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from torch import fx, nn

from conceptlrp.errors import NetworkError, check_type
from conceptlrp.networks.architectures import SIZES, BoardNetwork
from conceptlrp.networks.heads import (
    HEADS,
    HeadAdapter,
    Outputs,
    Policy,
    Tracer,
    check_same,
    run,
)
from conceptlrp.networks.planes import BoardsToPlanes, Encoding


@dataclass(frozen=True)
class _Contract:
    size: int
    encoding: Encoding
    value: str
    taken_off: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        wdl = ("the value is win minus loss of its logits",) * (self.value == "wdl")
        return (*self.taken_off, *self.encoding.notes, *wdl)


class AdaptedNetwork(fx.GraphModule, BoardNetwork):
    """A module of one's own as a board network; `adapt` makes it.

    Attributes
    ----------
    size : int
        Squares along one side of the board.
    notes : tuple of str
        What was taken off or added, and what its planes and its value are, for a reader
        of the results.
    """

    options = ()

    def _take(self, contract: _Contract) -> "AdaptedNetwork":
        self.__dict__["contract"] = contract
        self.size, self.notes = contract.size, contract.notes
        self.planes, self.value_kind = contract.encoding.planes, contract.value
        return self

    @property
    def encoding(self) -> Encoding:
        """How a board becomes the network's planes."""
        return self._contract.encoding

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
        # A copy knows no module: alpha-zero-general's cannot be copied.
        memo[id(self.__dict__.get("made_of"))] = None
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
    outputs: Outputs = HEADS,
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
        relevance on a function of the board. A plane for the side to move is "ones" or
        "zeros", since boards are those of the player to move; a history is "zeros".
    outputs : sequence of str or None, or dict
        What the module returns, in its order: "policy", "value" and None for what is
        left out; or, where it returns a dict, the key of each.
    policy : sequence of int or callable, optional
        Which action each output of the policy is: ``n * row + column`` of a square,
        n * n for the pass, -1 for none. By default square after square, then the pass.
    value : str
        "scalar" before its tanh, or "wdl": logits of win, draw and loss, of which win
        minus loss is explained. The tanh of half of it is the expected outcome but for
        draws, by which players search.

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
        msg = f"size is {size!r}, expected 6 or 8"
        raise NetworkError(msg)
    name = type(module).__name__
    with _evaluating(module):
        traced = _traced(module)
        encoding = Encoding.of(encode or _default_encoding(traced, size), size)
        check_same(module, traced, name, size, encoding)
    adapter = HeadAdapter(traced, name, size, encoding)
    adapter.adapt(outputs, policy, value)
    for note in adapter.notes:
        warnings.warn(f"{adapter.name}: {note}", stacklevel=2)
    found = AdaptedNetwork(adapter.traced, adapter.traced.graph, adapter.name)
    found.__dict__["made_of"] = (module, given)
    contract = _Contract(size, encoding, value, tuple(adapter.notes))
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
    return found if found in SIZES else 8


def _default_encoding(traced: fx.GraphModule, size: int) -> Encoding:
    """Return the encoding for planes of the first convolution, or of what it reads."""
    called = [n.target for n in traced.graph.nodes if n.op == "call_module"]
    modules = (traced.get_submodule(str(name)) for name in called)
    convolutions = (m for m in modules if isinstance(m, nn.Conv2d))
    n_planes = getattr(next(convolutions, None), "in_channels", 1)
    if n_planes not in (1, 2):
        msg = (
            f"the network reads {n_planes} planes, expected 1 (own minus opponent) or "
            "2 (own discs, opponent's discs); name them by conceptlrp.adapt(module, "
            "encode=...), such as encode='own-opponent-ones'"
        )
        raise NetworkError(msg)
    for planes in (n_planes, 1, 2):
        try:
            run(traced, "", size, Encoding.default(planes))
        except NetworkError:
            continue
        return Encoding.default(planes)
    return Encoding.default(n_planes)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Have a module in evaluation mode; it is left in its own."""
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        yield
    finally:
        for each in training:
            each.training = True


def _traced(module: nn.Module) -> fx.GraphModule:
    """Trace a module that is in evaluation mode."""
    try:
        traced = fx.GraphModule(module, Tracer().trace(module))
    # A forward of any code can fail in any way.
    except Exception as error:
        name, reason = type(module).__name__, str(error).partition("\n")[0]
        msg = (
            f"{name} cannot be traced ({reason}); its flow must not depend on the "
            "values of its input"
        )
        raise NetworkError(msg) from error
    # Copies share their weights with the module, but not the mode that it is in.
    for name in {str(n.target) for n in traced.graph.nodes if n.op == "call_module"}:
        module = traced.get_submodule(name)
        # Parametrized modules, as of weight norm, refuse to be copied otherwise.
        copied = object.__new__(type(module))
        copied.__dict__.update(vars(module))
        traced.set_submodule(name, copied)
    return traced.eval()
