"""What a network says about positions: logits, legal probabilities, value, move.

For many forward passes, `inference_network` gives the same outputs sooner: batch norms
are folded into the convolution or linear module before them, and weights are laid
out channels last, which is how CPUs convolve fastest.

Shapes use N positions and A = n * n + 1 actions of a board of n x n squares.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax  # type: ignore[import-untyped]
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.networks.planes import legal_actions, squares_of_actions, with_pass

Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Outputs of a network for N positions.

    Attributes
    ----------
    logits : ndarray of float32, shape (N, A)
        The policy as the network gives it, illegal actions included.
    probabilities : ndarray of float32, shape (N, A)
        Softmax over the legal actions; 0 for every other.
    value : ndarray of float32, shape (N,)
        Expected outcome for the player to move, -1 to 1 (after tanh); nan for a
        network without a value head.
    best : ndarray of int64, shape (N,)
        Square of the legal action with the highest logit; PASS where no move is.
    """

    logits: Float32Array
    probabilities: Float32Array
    value: Float32Array
    best: NDArray[np.int64]


def predict(
    network: BoardNetwork, own: ArrayLike, opponent: ArrayLike, *, batch_size: int = 256
) -> Prediction:
    """Ask a network about positions, in evaluation mode and without gradients.

    Parameters
    ----------
    network : BoardNetwork
        It is left in the mode in which it was.
    own, opponent : array_like of uint64, shape (N,)
        Discs of the player to move and of the other one.
    batch_size : int
        Positions in one forward pass.

    Returns
    -------
    Prediction
        One row a position.

    Examples
    --------
    >>> from conceptlrp.networks import OthelloNet
    >>> from conceptlrp.othello.board import start
    >>> own, opponent = start()
    >>> prediction = predict(OthelloNet(channels=2), [own], [opponent])
    >>> prediction.probabilities.nonzero()[1].tolist()
    [19, 26, 37, 44]
    """
    planes = network.encoding.bitboards(own, opponent, size=network.size)
    legal = legal_actions(own, opponent, size=network.size)
    logits, value = forward(network, planes, batch_size)
    masked = np.where(legal, logits, -np.inf)
    return Prediction(
        logits=logits,
        probabilities=softmax(masked, axis=1),
        value=expected_outcome(value, network.value_kind),
        best=squares_of_actions(masked.argmax(axis=1), size=network.size),
    )


def expected_outcome(value: Any, kind: str = "scalar") -> Any:
    """Return the expected outcome, -1 to 1, of a value; of "wdl" as if nobody drew."""
    return np.tanh(value / 2 if kind == "wdl" else value)


def forward(
    network: nn.Module, planes: Float32Array, batch_size: int
) -> tuple[Float32Array, Float32Array]:
    """Run the planes in batches; logits (N, A), values (N,) as they come or nan."""
    weight = next(network.parameters())
    training = network.training
    network.eval()
    batches = torch.split(torch.from_numpy(planes), batch_size)
    try:
        with torch.inference_mode():
            outputs = [network(batch.to(weight)) for batch in batches]
    finally:
        network.train(training)
    logits, *value = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    policy = with_pass(logits.float().cpu().numpy(), size=planes.shape[-1])
    if not value:
        return policy, np.full(len(policy), np.nan, np.float32)
    return policy, value[0][:, 0].float().cpu().numpy()


def inference_network(network: nn.Module) -> nn.Module:
    """Copy a network with its batch norms folded and its weights channels last.

    The copy is in evaluation mode, on the device of the network.

    >>> from conceptlrp.networks import OthelloNet
    >>> ready = inference_network(OthelloNet(channels=2))
    >>> any(isinstance(module, nn.BatchNorm2d) for module in ready.modules())
    False
    """
    traced = fx.symbolic_trace(deepcopy(network).eval())
    for node in list(traced.graph.nodes):
        if node.op == "call_module":
            _fold(traced, node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    traced.requires_grad_(requires_grad=False)
    for weight in traced.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    ready: nn.Module = traced.eval()
    return ready


def _fold(traced: fx.GraphModule, node: fx.Node) -> None:
    """Fold the batch norm of a node into the module before, where that is possible."""
    norm = traced.get_submodule(str(node.target))
    before = node.args[0]
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return
    if not isinstance(before, fx.Node) or before.op != "call_module":
        return
    if len(before.users) > 1:
        return
    module = traced.get_submodule(str(before.target))
    if isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        folded: nn.Module = fuse_conv_bn_eval(module, norm)
    elif isinstance(module, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        folded = fuse_linear_bn_eval(module, norm)
    else:
        return
    traced.set_submodule(str(before.target), folded)
    node.replace_all_uses_with(before)
    traced.graph.erase_node(node)
