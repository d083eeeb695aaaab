"""Conditional heatmaps of reference boards, by where relevance starts.

Shapes use N positions, C channels of an H x W map and n x n squares.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, NetworkError
from conceptlrp.lrp import Explainer, Target
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.networks.planes import board_planes
from conceptlrp.othello import Corpus

#: Where relevance can start: see `conditional_maps`.
STARTS = ("relevance", "activation")


def conditional_maps(
    explainer: Explainer,
    positions: Corpus,
    layer: str,
    channel: int,
    *,
    target: str | Target = "played",
    start: str = "relevance",
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Compute the heatmaps of one channel at positions.

    Started from relevance, a map is the part of the target's heatmap that flows
    through the channel; the maps of all channels add up to the heatmap. Started
    from activation, as zennit-crp does for its reference samples, it is what the
    channel sees whether or not, and with whatever sign, the target uses it;
    relevance is set to the output of the layer's module, before the activation
    function, and the target plays no part.

    Parameters
    ----------
    explainer : Explainer
        Network and composite.
    positions : Corpus
        N positions.
    layer, channel : str, int
        The channel.
    target : str or Target
        The explained output.
    start : {"relevance", "activation"}
        Where relevance starts.
    batch_size : int
        Positions at a time.

    Returns
    -------
    float32 array of shape (N, n, n)
        Input relevance, planes summed.

    Raises
    ------
    LayerError
        If there is no such channel.
    NetworkError
        If the network has no native engine to start in the middle of.
    ValueError
        If the start is unknown.
    """
    if start not in STARTS:
        msg = f"unknown start '{start}', expected one of {', '.join(STARTS)}"
        raise ValueError(msg)
    if start == "activation":
        _check_channel(explainer, layer, channel)
        parts = [
            _from_activation(explainer, positions[i : i + batch_size], layer, channel)
            for i in range(0, len(positions), batch_size)
        ]
        return np.concatenate(parts).astype(np.float32)
    found = explainer.attribute(
        positions,
        targets=[target],
        conditional={layer: [channel]},
        batch_size=batch_size,
    )
    return found.conditional[layer][:, 0, 0].astype(np.float32)


def _check_channel(explainer: Explainer, layer: str, channel: int) -> None:
    shapes = explainer.shapes
    if layer not in shapes or not 0 <= channel < shapes[layer]["channels"]:
        known = ", ".join(f"{name} ({s['channels']})" for name, s in shapes.items())
        msg = f"no channel {channel} of layer '{layer}', expected one of {known}"
        raise LayerError(msg)


def _from_activation(
    explainer: Explainer, positions: Corpus, layer: str, channel: int
) -> NDArray[np.floating]:
    boards = board_planes(
        positions.own,
        positions.opponent,
        size=explainer.size,
        planes=explainer.planes,
    )
    planes = torch.from_numpy(boards).to(explainer.device, explainer.dtype)
    with explainer.propagation.forward(planes) as passed, torch.no_grad():
        if not isinstance(passed, NativePassed) or passed.owner.engine.plain_sums:
            msg = (
                f"{explainer.composite_name} on this network cannot start from an "
                "activation: it needs rules that the native engine knows"
            )
            raise NetworkError(msg)
        node = passed.owner.engine.program.by_module[layer]
        output = passed.passed.values[node]
        begun = torch.zeros_like(output)
        begun[:, channel] = output[:, channel]
        end = passed.owner.input
        arrived = passed.passed.relevance({node: begun[:, None]}, (end,))[end]
    heatmap: NDArray[np.floating] = arrived.sum((1, 2)).float().cpu().numpy()
    return heatmap
