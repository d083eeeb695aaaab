"""Weights that came from a file, compared with those of the network they are of.

What network that is follows from the weights themselves: a tensor that only one
architecture has says which, and the shapes of a few tensors say how large.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from conceptlrp.errors import CheckpointError
from conceptlrp.networks.board_network import SIZES, BoardNetwork
from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.networks.residual_tower import ResidualTower

#: The networks that a file can hold.
ARCHITECTURES: tuple[type[BoardNetwork], ...] = (OthelloNet, ResidualTower)

_Weights = Mapping[str, Tensor]
_Builder = Callable[[], BoardNetwork]


def load_weights(state: Mapping[str, Tensor], file: Path) -> BoardNetwork:
    """Build the network that the weights belong to, in float32 and evaluation mode.

    Every tensor is compared with what a network of that shape has.
    """
    is_tower = "stem.conv.weight" in state
    build = _residual_tower(state, file) if is_tower else _othello_net(state, file)
    # On the meta device a network costs no memory, whatever the file claims, and
    # draws no random numbers.
    with torch.device("meta"):
        network = build()
    expected = network.state_dict()
    _check_names(state, network, file)
    for name, tensor in expected.items():
        if name in state:
            _check_tensor(name, state[name], tensor, file)
    weights = {
        name: state.get(name, torch.zeros(tensor.shape)).to(tensor.dtype).contiguous()
        for name, tensor in expected.items()
    }
    network.load_state_dict(weights, assign=True)
    return network.eval()


def check_architecture(network: BoardNetwork) -> None:
    """Refuse a network of a class that could not be loaded again."""
    if type(network) not in ARCHITECTURES:
        names = " or ".join(known.__name__ for known in ARCHITECTURES)
        msg = f"the network is of class {type(network).__name__}, expected {names}"
        raise ValueError(msg)


def _othello_net(state: _Weights, file: Path) -> _Builder:
    channels = _shape(state, "conv1.weight", 4, file)[0]
    actions = _shape(state, "fc3.weight", 2, file)[0]
    size = _board_size(actions, file, channels=channels)
    return partial(OthelloNet, channels, size)


def _residual_tower(state: _Weights, file: Path) -> _Builder:
    channels, planes = _shape(state, "stem.conv.weight", 4, file)[:2]
    actions = _shape(state, "policy_head.fc.weight", 2, file)[0]
    units = _shape(state, "value_head.fc1.weight", 2, file)[0]
    blocks = sum(name.endswith(".conv1.weight") for name in state)
    counts = {"channels": channels, "blocks": blocks, "value units": units}
    size = _board_size(actions, file, **counts)
    if planes not in (1, 2):
        msg = f"{file}: {planes} input planes, expected 1 or 2"
        raise CheckpointError(msg)
    return partial(
        ResidualTower, channels, blocks, size, planes=planes, value_units=units
    )


def _shape(state: _Weights, name: str, dimensions: int, file: Path) -> tuple[int, ...]:
    """Return the shape of a tensor that an architecture is recognised by."""
    if name not in state or state[name].dim() != dimensions:
        found = tuple(state[name].shape) if name in state else "no such tensor"
        msg = (
            f"{file}: {name}: {found}, expected {dimensions} dimensions; the file "
            "holds neither an OthelloNet nor a ResidualTower"
        )
        raise CheckpointError(msg)
    return tuple(state[name].shape)


def _board_size(actions: int, file: Path, **counts: int) -> int:
    """Return the size of the board that has so many actions."""
    for name, count in counts.items():
        if count < 1:
            msg = f"{file}: {count} {name}, expected at least 1"
            raise CheckpointError(msg)
    size = isqrt(max(actions - 1, 0))
    if size not in SIZES or size * size + 1 != actions:
        msg = f"{file}: {actions} actions, expected 37 (a 6 x 6 board) or 65 (8 x 8)"
        raise CheckpointError(msg)
    return size


def _check_names(state: _Weights, network: BoardNetwork, file: Path) -> None:
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = [name for name in expected if name not in state and name not in counters]
    unknown = [name for name in state if name not in expected]
    for names, what in ((missing, "lacks"), (unknown, "holds the unknown tensor")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            kind = type(network).__name__
            msg = f"{file}: {what} {names[0]}{more}; expected those of {kind}"
            raise CheckpointError(msg)


def _check_tensor(name: str, found: Tensor, expected: Tensor, file: Path) -> None:
    if found.shape != expected.shape:
        msg = (
            f"{file}: {name} has shape {tuple(found.shape)}, "
            f"expected {tuple(expected.shape)}"
        )
        raise CheckpointError(msg)
    if found.is_floating_point() != expected.is_floating_point():
        msg = f"{file}: {name} holds {found.dtype}, expected {expected.dtype}"
        raise CheckpointError(msg)
    # An expanded tensor repeats one number through a stride of 0.
    if found.untyped_storage().nbytes() < found.numel() * found.element_size():
        msg = f"{file}: {name} stores fewer numbers than its shape needs"
        raise CheckpointError(msg)
    if not torch.isfinite(found).all():
        msg = f"{file}: {name} holds nan or infinity; the network is unusable"
        raise CheckpointError(msg)
    if name.endswith("running_var") and (found < 0).any():
        msg = f"{file}: {name} holds a negative variance"
        raise CheckpointError(msg)
