"""Weights that came from a file, compared with those of an OthelloNet."""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from conceptlrp.errors import CheckpointError
from conceptlrp.networks.othello_net import SIZES, OthelloNet


def load_weights(state: Mapping[str, Tensor], file: Path) -> OthelloNet:
    """Build the network that the weights belong to and give them to it.

    Channels follow from ``conv1.weight``, the size of the board from ``fc3.weight``;
    every tensor is then compared with what a network of that shape has.

    Parameters
    ----------
    state : mapping of str to Tensor
        Weights by alpha-zero-general's names. Batch counters may be missing, as
        they are in files of torch before 0.4.1.
    file : path
        Named in messages.

    Returns
    -------
    OthelloNet
        In float32 and in evaluation mode.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape, not of numbers, not
        finite, or claims more numbers than it stores.
    """
    channels, size = _architecture(state, file)
    # On the meta device a network costs no memory, whatever the file claims, and
    # draws no random numbers.
    with torch.device("meta"):
        network = OthelloNet(channels, size)
    expected = network.state_dict()
    _check_names(state, expected, file)
    for name, tensor in expected.items():
        if name in state:
            _check_tensor(name, state[name], tensor, file)
    weights = {
        name: state.get(name, torch.zeros(tensor.shape)).to(tensor.dtype).contiguous()
        for name, tensor in expected.items()
    }
    network.load_state_dict(weights, assign=True)
    return network.eval()


def _architecture(state: Mapping[str, Tensor], file: Path) -> tuple[int, int]:
    """Channels and board size, from the first and the policy layer."""
    for name, dimensions in (("conv1.weight", 4), ("fc3.weight", 2)):
        if name not in state or state[name].dim() != dimensions:
            found = tuple(state[name].shape) if name in state else "no such tensor"
            message = (
                f"{file}: {name}: {found}, expected {dimensions} dimensions; the file "
                "does not hold alpha-zero-general's OthelloNNet"
            )
            raise CheckpointError(message)
    channels, actions = state["conv1.weight"].shape[0], state["fc3.weight"].shape[0]
    size = isqrt(max(actions - 1, 0))
    if channels < 1 or size not in SIZES or size * size + 1 != actions:
        message = (
            f"{file}: {channels} channels and {actions} actions, expected at least 1 "
            "channel, and 37 actions (a 6 x 6 board) or 65 (8 x 8)"
        )
        raise CheckpointError(message)
    return channels, size


def _check_names(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], file: Path
) -> None:
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = [name for name in expected if name not in state and name not in counters]
    unknown = [name for name in state if name not in expected]
    for names, what in ((missing, "lacks"), (unknown, "holds the unknown tensor")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            message = f"{file}: {what} {names[0]}{more}; expected an OthelloNet"
            raise CheckpointError(message)


def _check_tensor(name: str, found: Tensor, expected: Tensor, file: Path) -> None:
    if found.shape != expected.shape:
        message = (
            f"{file}: {name} has shape {tuple(found.shape)}, "
            f"expected {tuple(expected.shape)}"
        )
        raise CheckpointError(message)
    if found.is_floating_point() != expected.is_floating_point():
        message = f"{file}: {name} holds {found.dtype}, expected {expected.dtype}"
        raise CheckpointError(message)
    # An expanded tensor repeats one number through a stride of 0.
    if found.untyped_storage().nbytes() < found.numel() * found.element_size():
        message = f"{file}: {name} stores fewer numbers than its shape needs"
        raise CheckpointError(message)
    if not torch.isfinite(found).all():
        message = f"{file}: {name} holds nan or infinity; the network is unusable"
        raise CheckpointError(message)
    if name.endswith("running_var") and (found < 0).any():
        message = f"{file}: {name} holds a negative variance"
        raise CheckpointError(message)
