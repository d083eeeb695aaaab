"""One batch: where relevance starts, and everything that is known of it.

Shapes use N positions, T targets, K channels asked for and n x n squares.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.lrp.attribution import Attribution
from conceptlrp.lrp.propagation import Passed
from conceptlrp.lrp.starts import check_channel, starts_of
from conceptlrp.lrp.summary import Summary, as_array, summarize_layers
from conceptlrp.lrp.targets import Target
from conceptlrp.othello import Corpus


def begin(
    passed: Passed, targets: Sequence[Target], positions: Corpus
) -> tuple[dict[str, Tensor], NDArray[np.int8]]:
    """Return where relevance starts, and the moves (N, T) that the targets mean."""
    logits = as_array(passed.outputs["policy"])
    squares = np.stack([t.squares_at(positions, logits) for t in targets], 1)
    opposed = np.stack([t.opposed_at(positions, logits) for t in targets], 1)
    tensors = {**passed.outputs, **passed.features}
    return starts_of(tensors, targets, squares, opposed, positions.size), squares


def explain(
    passed: Passed,
    targets: Sequence[Target],
    positions: Corpus,
    channels: dict[str, Tensor],
) -> Attribution:
    """Explain the targets at a forward pass, channels (N, K) by layer included."""
    starts, squares = begin(passed, targets, positions)
    planes, layers = passed.relevance(starts)
    maps, mode = passed.conditional(layers, channels) if channels else ({}, "")
    return Attribution(
        targets=tuple(target.name for target in targets),
        input_relevance=as_array(planes),
        relevance={layer: as_array(r) for layer, r in layers.items()},
        activation={layer: as_array(f) for layer, f in passed.features.items()},
        conditional={layer: as_array(found) for layer, found in maps.items()},
        channels={layer: as_array(rows) for layer, rows in channels.items()},
        squares=squares,
        explained=_explained(starts),
        logits=as_array(passed.outputs["policy"]),
        value=_value(passed),
        mode=mode,
    )


def summarize(
    passed: Passed,
    targets: Sequence[Target],
    positions: Corpus,
    channels: dict[str, Tensor],
) -> Summary:
    """Explain the targets at a forward pass and keep sums over the board.

    The maps of channels (N, K) by layer stay where they were computed.
    """
    starts, squares = begin(passed, targets, positions)
    planes, layers = passed.relevance(starts)
    maps = passed.conditional(layers, channels)[0] if channels else {}
    return Summary(
        targets=tuple(target.name for target in targets),
        heatmap=as_array(planes.sum(2)),
        squares=squares,
        explained=_explained(starts),
        logits=as_array(passed.outputs["policy"]),
        value=_value(passed),
        conditional=maps,
        **summarize_layers(layers, passed.features),
    )


def _explained(starts: Mapping[str, Tensor]) -> NDArray[Any]:
    """Return the targets' values (N, T): the relevance that starts."""
    return as_array(torch.stack([s.flatten(2).sum(2) for s in starts.values()]).sum(0))


def _value(passed: Passed) -> NDArray[Any]:
    """Return the value before tanh (N,), nan where there is no value head."""
    if "value" not in passed.outputs:
        return np.full(len(passed.outputs["policy"]), np.nan, np.float32)
    return as_array(passed.outputs["value"][:, 0])


def channel_rows(
    layer: str, wanted: NDArray[np.int64] | None, feature: Tensor
) -> Tensor:
    """Return the channels (N, K) wanted of a layer, all of them for None."""
    n_channels = feature.shape[1]
    if wanted is None:
        return torch.arange(n_channels).expand(len(feature), -1).to(feature.device)
    for channel in (int(wanted.min()), int(wanted.max())):
        check_channel(layer, channel, n_channels)
    return torch.from_numpy(np.ascontiguousarray(wanted)).to(feature.device)
