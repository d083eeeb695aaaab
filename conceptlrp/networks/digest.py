"""Which network it is: a digest of its weights, their use and the planes it reads.

A network with GELUs in place of ReLUs has the same weights and is another network. Of
the architectures that ship, the class says what the weights are used for, so the
digest of their weights, which a file's header has too, is all of it; of any other
network the traced graph counts besides, and how it encodes boards, unless in the way
that goes without saying.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.networks.heads import SAME
from conceptlrp.networks.planes import Encoding
from conceptlrp.networks.weights import ARCHITECTURES

_SAME_CALLS = ("dropout", "dropout2d", "contiguous")
# What changes no output in evaluation mode.
_UNSEEN = ("training", "inplace", "momentum")
_PLAIN = (bool, int, float, str, tuple, type(None))


def network_digest(network: nn.Module) -> str:
    """Return the sha256 of a network's weights, graph and encoding.

    Of weights it is taken over names, shapes and little-endian float32 bytes in the
    order of the names. Batch counters of batch norm do not count, nor does dropout:
    they change no output. Encodings that make the same planes are the same.

    Parameters
    ----------
    network : Module
        Any mode, device and memory layout.

    Returns
    -------
    str
        64 hexadecimal digits, the same before and after a file.
    """
    weights = weights_digest(rounded_weights(network, torch.float32))
    if isinstance(network, BoardNetwork) and type(network) in ARCHITECTURES:
        options = tuple(network.architecture.items())
        kind: Any = type(network)
        if _modules(network) == _shipped_modules(kind, options[1:]):
            return weights
    spelt = f"{weights}\n{_graph(network)}"
    if isinstance(network, BoardNetwork):
        spelt += _planes(network.encoding, network.size)
    return hashlib.sha256(spelt.encode()).hexdigest()


def rounded_weights(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Weights of a network as contiguous tensors of `dtype`, without counters."""
    if dtype not in (torch.float32, torch.float16):
        msg = f"dtype is {dtype}, expected torch.float32 or torch.float16"
        raise ValueError(msg)
    state = {
        name: tensor.detach().cpu().to(dtype, memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            msg = f"{name} holds numbers that are not finite in {dtype}"
            raise ValueError(msg)
    return state


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of tensors alone, which a file's header records."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].float().numpy().astype("<f4", copy=False)
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@cache
def _shipped_modules(kind: Any, options: tuple[tuple[str, Any], ...]) -> str:
    with torch.device("meta"):
        return _modules(kind(**dict(options)))


def _planes(encoding: Encoding, size: int) -> str:
    """Digest planes of fixed boards, by which functions differ; nothing by default."""
    shape = (48, size, size)
    seeded = hashlib.shake_256(b"boards").digest(int(np.prod(shape)))
    octets = np.frombuffer(seeded, np.uint8).reshape(shape)
    # From an empty board to a full one: a function may go by the number of discs.
    taken = octets < np.linspace(0, 256, len(octets))[:, None, None]
    boards = np.where(taken, 1 - 2 * (octets & 1).astype(np.int8), 0).astype(np.int8)
    # -0.0 is 0.0 to a network, but other bytes.
    planes = encoding(boards) + np.float32(0)
    if np.array_equal(planes, Encoding.default(encoding.planes)(boards)):
        return ""
    return "\n" + weights_digest({"": torch.from_numpy(planes)})


def _modules(network: nn.Module) -> str:
    named = list(network.named_modules())[1:]
    return "\n".join(f"{name} {_spelt(module)}" for name, module in named)


def _spelt(module: nn.Module) -> str:
    """Spell out the class of a module and the options that it was made with."""
    if isinstance(module, SAME):
        return "same"
    options = {
        name: value
        for name, value in sorted(vars(module).items())
        if not name.startswith("_") and name not in _UNSEEN and type(value) in _PLAIN
    }
    return f"{type(module).__name__} {options}"


def _graph(network: nn.Module) -> str:
    """Spell out the operations of a network in order of execution."""
    try:
        graph = fx.Tracer().trace(network)
    # A forward of any code can fail in any way; its modules are what is left to tell.
    except Exception:
        return _modules(network)
    weights = network.state_dict()
    names: dict[fx.Node, str] = {}
    lines: list[str] = []
    for node in graph.nodes:
        if _is_same(network, node):
            names[node] = names[node.all_input_nodes[0]]
            continue
        names[node] = f"%{len(lines)}"
        read = str(fx.node.map_arg((node.args, node.kwargs), names.__getitem__))
        # One output is the same in a tuple of its own.
        if node.op == "output":
            read = " ".join(names[source] for source in node.all_input_nodes)
        lines.append(" ".join([node.op, *_target(network, weights, node), read]))
    return "\n".join(lines)


def _target(
    network: nn.Module, weights: Mapping[str, Tensor], node: fx.Node
) -> Iterator[str]:
    name = getattr(node.target, "__name__", str(node.target))
    if node.op in ("call_module", "get_attr", "call_function", "call_method"):
        yield name
    if node.op == "call_module":
        yield _spelt(network.get_submodule(name))
    if node.op == "get_attr" and name not in weights:
        found = network.get_submodule(name.rpartition(".")[0])
        value = getattr(found, name.rpartition(".")[2])
        is_tensor = isinstance(value, Tensor)
        yield weights_digest({"": value.detach().cpu()}) if is_tensor else str(value)


def _is_same(network: nn.Module, node: fx.Node) -> bool:
    """Whether a node puts out what it reads, in evaluation mode."""
    if node.op == "call_module":
        return isinstance(network.get_submodule(str(node.target)), SAME)
    name = getattr(node.target, "__name__", node.target)
    return node.op.startswith("call_") and name in _SAME_CALLS
