"""The rest of a network, run again from a feature map that was changed.

Shapes use N positions of the forward pass, M changed feature maps of them and C
channels of an H x W map.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from conceptlrp.lrp.engine.native import NativeForward


def rerun(
    passed: NativeForward,
    changed: str,
    value: Tensor,
    rows: Tensor,
    wanted: Collection[str],
) -> dict[str, Tensor]:
    """Compute operations again, one of them having another output.

    What does not follow from the changed operation, such as a skip connection beside
    it, keeps what the forward pass gave it.

    Shapes: `value` (M, C, H, W), `rows` (M,). Returns (M, C, H, W): outputs of the
    wanted operations.
    """
    values = {changed: value}
    with torch.no_grad():
        for operation in passed.engine.program.operations.values():
            if operation.name == changed or values.keys().isdisjoint(operation.inputs):
                continue
            sources = [
                values[source] if source in values else passed.values[source][rows]
                for source in operation.inputs
            ]
            values[operation.name] = passed.engine.compute(operation, sources, value)
    return {
        name: values[name] if name in values else passed.values[name][rows]
        for name in wanted
    }
