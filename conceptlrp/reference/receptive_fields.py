"""Receptive fields: which squares of the board a neuron can see at all.

Shapes use S squares of a feature map and P squares of the board. The fields are
exact: they are followed through the traced network's operations, not estimated.
"""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.native import NativeEngine
from conceptlrp.lrp.engine.program import Operation
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.engine.tangents import tap_sites

Reach = NDArray[np.bool_]


def receptive_field(
    explainer: Explainer, layer: str, square: tuple[int, int]
) -> NDArray[np.bool_]:
    """Find the squares of the board that a neuron reads.

    A square belongs to the field if a path of operations leads from it to the
    neuron, whatever the weights on it are. Padding reads nothing.

    Parameters
    ----------
    explainer : Explainer
        The network, traced.
    layer : str
        A layer of the explainer.
    square : pair of int
        Row and column in the layer's feature map.

    Returns
    -------
    bool array of shape (n, n)
        The same for every channel of the layer.

    Raises
    ------
    LayerError
        If there is no such layer or square.
    NetworkError
        If the network holds an operation that the native engine does not know.
    """
    fields = receptive_fields(explainer, layer)
    row, column = square
    height, width = fields.shape[:2]
    if not (0 <= row < height and 0 <= column < width):
        msg = f"square {square} lies outside the ({height}, {width}) map of '{layer}'"
        raise LayerError(msg)
    return np.array(fields[row, column], dtype=np.bool_)


def receptive_fields(explainer: Explainer, layer: str) -> NDArray[np.bool_]:
    """Find the squares of the board that each square of a layer reads, (H, W, n, n)."""
    if layer not in explainer.layers:
        known = ", ".join(explainer.layers)
        msg = f"no layer '{layer}', expected one of {known}"
        raise LayerError(msg)
    propagation = explainer.propagation
    if not isinstance(propagation, NativePropagation):
        msg = "receptive fields need the native engine, which does not know a module"
        raise NetworkError(msg)
    node = propagation.nodes[layer]
    reach = _reach(propagation.engine, node)
    height, width = propagation.engine.shapes[node][1:]
    return reach.reshape(height, width, explainer.size, explainer.size)


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
    if operation.name not in engine.rules:
        return np.asarray(np.logical_or.reduce(sources, axis=0), dtype=np.bool_)
    height, width = engine.shapes[operation.inputs[0]][1:]
    # A site reads what its taps read, whatever the weights on them are.
    sites = tap_sites(engine.rules[operation.name].geometry, height, width)
    # The row behind the last is the padding, which sees nothing.
    padded = np.pad(sources[0], ((0, 1), (0, 0)))
    return np.asarray(padded[sites].any(axis=1), dtype=np.bool_)
