"""What a channel sees: its conditional heatmaps, and its receptive field.

Shapes use N positions, C channels of an H x W map and n x n squares, and for fields
S squares of a feature map and P of the board. Fields are exact: they are followed
through the traced network's operations, not estimated.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, NetworkError, check_known
from conceptlrp.lrp import Baseline, Explainer, Target
from conceptlrp.lrp.engine.elementwise import GROUPED
from conceptlrp.lrp.engine.native import NativeEngine
from conceptlrp.lrp.engine.program import Operation
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.engine.tangents import tap_sites
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
    baseline: Baseline | None = None,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Compute the heatmaps of one channel at positions.

    Started from relevance, a map is the part of the target's heatmap that flows
    through the channel; the maps of all channels add up to the heatmap of the layer's
    relevance, which is the target's unless it is above a baseline. Started from
    activation, as zennit-crp does for its reference samples, it is what the channel
    sees whether or not, and with whatever sign, the target uses it; relevance is set to
    the output of the layer's module, before the activation function, and neither the
    target nor a baseline plays a part.

    Parameters
    ----------
    explainer, positions : Explainer, Corpus
        Network and composite, and N positions.
    layer, channel, target : str, int, str or Target
        The channel and the explained output.
    start : {"relevance", "activation"}
        Where relevance starts.
    baseline, batch_size : Baseline, int
        What relevance is above, a donor a position, by default the explainer's own; and
        positions at a time.

    Returns
    -------
    float32 array of shape (N, n, n)
        Input relevance, planes summed.
    """
    check_known("start", start, STARTS)
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
        baseline=baseline,
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
    own, opponent = positions.own, positions.opponent
    boards = explainer.encoding.bitboards(own, opponent, size=explainer.size)
    planes = torch.from_numpy(boards).to(explainer.device, explainer.dtype)
    with explainer.propagation.forward(planes) as whole, torch.no_grad():
        # Of two composites, the second one draws.
        passed = whole.second or whole
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


Reach = NDArray[np.bool_]


def receptive_field(
    explainer: Explainer, layer: str, square: tuple[int, int]
) -> NDArray[np.bool_]:
    """Find the squares of the board that a neuron reads.

    A square belongs to the field if a path of operations leads from it to the
    neuron, whatever the weights on it are. Padding reads nothing.

    Parameters
    ----------
    explainer, layer, square : Explainer, str, pair of int
        The network, traced, one of its layers, and row and column in its feature map.

    Returns
    -------
    bool array of shape (n, n)
        The same for every channel of the layer.
    """
    check_known("layer", layer, explainer.layers, LayerError)
    propagation = explainer.propagation
    if not isinstance(propagation, NativePropagation):
        msg = "receptive fields need the native engine, which does not know a module"
        raise NetworkError(msg)
    node = propagation.nodes[layer]
    height, width = propagation.engine.shapes[node][1:]
    row, column = square
    if not (0 <= row < height and 0 <= column < width):
        msg = f"square {square} lies outside the ({height}, {width}) map of '{layer}'"
        raise LayerError(msg)
    reach = _reach(propagation.engine, node)[row * width + column]
    return np.array(reach.reshape(explainer.size, explainer.size), dtype=np.bool_)


def _reach(engine: NativeEngine, wanted: str) -> Reach:
    """Follow operations in order up to the one that is wanted; (S, P)."""
    reach: dict[str, Reach] = {}
    for name, operation in engine.program.operations.items():
        sources = [reach[source] for source in operation.inputs]
        reach[name] = _read_squares(engine, operation, sources)
        if name == wanted:
            break
    return reach[wanted]


def _read_squares(
    engine: NativeEngine, operation: Operation, sources: list[Reach]
) -> Reach:
    if operation.kind == "input":
        squares = int(np.prod(engine.shapes[operation.name][1:]))
        return np.eye(squares, dtype=np.bool_)
    if isinstance(operation.module, GROUPED):
        return np.broadcast_to(sources[0].any(axis=0), sources[0].shape)
    if operation.name not in engine.rules:
        return np.asarray(np.logical_or.reduce(sources, axis=0), dtype=np.bool_)
    height, width = engine.shapes[operation.inputs[0]][1:]
    # A site reads what its taps read, whatever the weights on them are.
    sites = tap_sites(engine.rules[operation.name].geometry, height, width)
    # The row behind the last is the padding, which sees nothing.
    padded = np.pad(sources[0], ((0, 1), (0, 0)))
    return np.asarray(padded[sites].any(axis=1), dtype=np.bool_)
