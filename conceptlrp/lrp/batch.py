"""One batch: where relevance starts, and what is kept of where it arrives.

Shapes use N positions, T targets, K channels asked for, C channels of an H x W
feature map, A actions and n x n squares of the board.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import LayerError, TargetError, check_least, check_type
from conceptlrp.lrp.attribution import Attribution
from conceptlrp.lrp.backends import Passed
from conceptlrp.lrp.engine.lifting import sum_squares
from conceptlrp.lrp.engine.trace import unknown_layer
from conceptlrp.lrp.targets import Contrast, Neuron, Target, Value
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import Corpus
from conceptlrp.store.baseline import Baseline

Array = NDArray[Any]


@dataclass(frozen=True)
class Summary:
    """Relevance and activation of every channel, summed over the board.

    By layer: ``relevance`` (N, T, C), ``activation`` (N, C), ``peak`` (N, C) and
    ``peak_square`` (N, C), the largest activation and its square, counted row by row,
    and ``conditional`` heatmaps (N, T, C, n, n) where they were asked for, still on the
    device. Of every target: ``heatmap`` (N, T, n, n), ``squares`` and ``explained`` (N,
    T). Of the network: ``logits`` (N, A) and ``value`` (N,), nan without a value head.
    """

    targets: tuple[str, ...]
    heatmap: Array
    relevance: dict[str, Array]
    activation: dict[str, Array]
    peak: dict[str, Array]
    peak_square: dict[str, Array]
    squares: Array
    explained: Array
    logits: Array
    value: Array
    conditional: dict[str, Tensor] = field(default_factory=dict)

    def arrays(self) -> dict[str, Array]:
        """Return the datasets of a shard, as `conceptlrp.store` lays them out."""
        arrays: dict[str, Array] = {
            "outputs/logits": self.logits,
            "outputs/value": self.value,
            "targets/square": self.squares,
            "targets/explained": self.explained,
            "targets/heatmap": self.heatmap,
        }
        for layer, relevance in self.relevance.items():
            arrays[f"layers/{layer}/relevance"] = relevance
            arrays[f"layers/{layer}/norm"] = np.abs(relevance).sum(axis=2)
            arrays[f"layers/{layer}/activation"] = self.activation[layer]
            arrays[f"layers/{layer}/peak"] = self.peak[layer]
            arrays[f"layers/{layer}/peak_square"] = self.peak_square[layer]
        return arrays


def begin(
    passed: Passed, targets: Sequence[Target], positions: Corpus
) -> tuple[dict[str, Tensor], NDArray[np.int8]]:
    """Return where relevance starts, and the moves (N, T) that the targets mean."""
    logits = as_array(passed.outputs["policy"])
    squares = np.stack([t.squares_at(positions, logits) for t in targets], 1)
    opposed = np.stack([t.opposed_at(positions, logits) for t in targets], 1)
    tensors = {**passed.outputs, **passed.features}
    return starts_of(tensors, targets, squares, opposed, positions.size), squares


def explain_batch(
    passed: Passed,
    targets: Sequence[Target],
    positions: Corpus,
    channels: dict[str, Tensor],
    baseline: Baseline,
) -> Attribution:
    """Explain the targets at a forward pass, channels (N, K) by layer included.

    No channel at all asks for the layer's heatmap alone.
    """
    starts, squares = begin(passed, targets, positions)
    planes, layers = passed.relevance(starts)
    chosen = {layer: rows for layer, rows in channels.items() if rows.shape[1]}
    maps, mode = passed.conditional(layers, chosen) if chosen else ({}, "")
    return Attribution(
        targets=tuple(target.name for target in targets),
        input_relevance=as_array(planes),
        relevance={layer: as_array(r) for layer, r in layers.items()},
        activation={layer: as_array(f) for layer, f in passed.features.items()},
        conditional={layer: as_array(found) for layer, found in maps.items()},
        channels={layer: as_array(rows) for layer, rows in chosen.items()},
        layer_heatmap={
            layer: as_array(found)
            for layer, found in _layer_heatmaps(passed, layers, channels, maps).items()
        },
        squares=squares,
        explained=explained_of(starts),
        logits=as_array(passed.outputs["policy"]),
        value=value_of(passed.outputs),
        positions=positions,
        mode=mode,
        baseline=baseline.name,
    )


def _layer_heatmaps(
    passed: Passed,
    relevance: Mapping[str, Tensor],
    channels: Mapping[str, Tensor],
    maps: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return the heatmaps (N, T, n, n) of layers, of which some channels have theirs.

    All channels in their order are summed; else the layer is sent down once more.
    """
    whole = {
        layer: rows.shape[1] == len(every)
        and bool((rows == torch.arange(len(every), device=rows.device)).all())
        for layer, rows in channels.items()
        for every in [relevance[layer][0, 0]]
    }
    rest = {layer: relevance[layer] for layer, summed in whole.items() if not summed}
    sent = passed.layer_heatmaps(rest)
    return {n: maps[n].sum(2) if whole[n] else sent[n] for n in channels}


def summarize_batch(
    passed: Passed,
    targets: Sequence[Target],
    positions: Corpus,
    channels: dict[str, Tensor],
) -> Summary:
    """Explain the targets at a forward pass and keep sums over the board.

    The maps of channels (N, K) by layer stay where they were computed.
    """
    starts, squares = begin(passed, targets, positions)
    planes, layers = passed.relevance(starts, summed=not channels)
    maps = passed.conditional(layers, channels)[0] if channels else {}
    return Summary(
        targets=tuple(target.name for target in targets),
        heatmap=as_array(planes.sum(2)),
        squares=squares,
        explained=explained_of(starts),
        logits=as_array(passed.outputs["policy"]),
        value=value_of(passed.outputs),
        conditional=maps,
        **summarize_layers(sum_squares(layers), passed.features),
    )


def explained_of(starts: Mapping[str, Tensor]) -> NDArray[Any]:
    """Return the targets' values (N, T): the relevance that starts."""
    return as_array(torch.stack([s.flatten(2).sum(2) for s in starts.values()]).sum(0))


def value_of(outputs: Mapping[str, Tensor]) -> NDArray[Any]:
    """Return the value before tanh (N,), nan where there is no value head."""
    if "value" not in outputs:
        return np.full(len(outputs["policy"]), np.nan, np.float32)
    return as_array(outputs["value"][:, 0])


def batches(n_positions: int, batch_size: int) -> Iterator[slice]:
    """Yield the rows of consecutive batches."""
    check_type(batch_size, int | np.integer, "batch_size", "a whole number")
    check_least("batch_size", batch_size)
    for first in range(0, n_positions, batch_size):
        yield slice(first, first + batch_size)


def channel_rows(
    layer: str, wanted: NDArray[np.int64] | None, feature: Tensor
) -> Tensor:
    """Return the channels (N, K) wanted of a layer, all of them for None."""
    n_channels = feature.shape[1]
    if wanted is None:
        return torch.arange(n_channels).expand(len(feature), -1).to(feature.device)
    for channel in (int(wanted.min()), int(wanted.max())) if wanted.size else ():
        check_channel(layer, channel, n_channels)
    return torch.from_numpy(np.ascontiguousarray(wanted)).to(feature.device)


def starts_of(
    tensors: Mapping[str, Tensor],
    targets: Sequence[Target],
    squares: NDArray[np.int8],
    opposed: NDArray[np.int8],
    size: int,
) -> dict[str, Tensor]:
    """Return the relevance that starts at each output or layer.

    Shapes: `tensors` (N, ...), `squares` (N, T), `opposed` (N, T). Returns (N, T, ...):
    the target's own value where the target is, zero elsewhere.
    """
    starts: dict[str, Tensor] = {}
    for t, target in enumerate(targets):
        name, mask = _mask(tensors, target, squares[:, t], size)
        if isinstance(target, Contrast):
            mask = mask - _move_mask(tensors["policy"], opposed[:, t], size)
        tensor = tensors[name].detach()
        if name not in starts:
            shape = (len(tensor), len(targets), *tensor.shape[1:])
            starts[name] = tensor.new_zeros(shape)
        starts[name][:, t] = tensor * mask
    return starts


def _mask(
    tensors: Mapping[str, Tensor], target: Target, squares: NDArray[np.int8], size: int
) -> tuple[str, Tensor]:
    """Return what holds a target, and ones where the target is in it."""
    if isinstance(target, Neuron):
        return target.layer, _neuron_mask(tensors, target)
    if isinstance(target, Value):
        if "value" not in tensors:
            msg = "the network has no value head; choose a move as target"
            raise TargetError(msg)
        return "value", torch.ones_like(tensors["value"])
    return "policy", _move_mask(tensors["policy"], squares, size)


def _move_mask(logits: Tensor, squares: NDArray[np.int8], size: int) -> Tensor:
    actions = torch.from_numpy(actions_of_squares(squares, size=size).astype(np.int64))
    # A pass that the policy has no output for is a constant, and nothing explains it.
    mask = logits.new_zeros(len(logits), size * size + 1)
    mask.scatter_(1, actions.to(logits.device)[:, None], 1.0)
    return mask[:, : logits.shape[1]]


def _neuron_mask(tensors: Mapping[str, Tensor], target: Neuron) -> Tensor:
    layers = [name for name in tensors if name not in ("policy", "value")]
    if target.layer not in layers:
        raise unknown_layer(target.layer, layers)
    feature = tensors[target.layer]
    check_channel(target.layer, target.channel, feature.shape[1])
    mask = torch.zeros_like(feature)
    if target.square is None:
        mask[:, target.channel] = 1.0
        return mask
    row, column = target.square
    height, width = feature.shape[2:]
    if not (0 <= row < height and 0 <= column < width):
        msg = f"target '{target.name}' lies outside the map ({height}, {width})"
        raise TargetError(msg)
    mask[:, target.channel, row, column] = 1.0
    return mask


def check_channel(layer: str, channel: int, n_channels: int) -> None:
    """Raise `LayerError` unless the layer has the channel."""
    if not 0 <= channel < n_channels:
        msg = (
            f"layer '{layer}' has no channel {channel}, expected 0 to {n_channels - 1}"
        )
        raise LayerError(msg)


def summarize_layers(
    relevance: Mapping[str, Tensor], features: Mapping[str, Tensor]
) -> dict[str, dict[str, Array]]:
    """Sum maps over the board, where they were computed.

    Shapes: `relevance` (N, T, C), `features` (N, C, H, W). Returns: the fields of a
    `Summary` that have an entry a layer.
    """
    flat = {layer: feature.detach().flatten(2) for layer, feature in features.items()}
    peaks = {layer: _peaks(feature.detach()) for layer, feature in features.items()}
    return {
        "relevance": {n: as_array(r) for n, r in relevance.items()},
        "activation": {n: as_array(maps.sum(2)) for n, maps in flat.items()},
        "peak": {n: as_array(value) for n, (value, _) in peaks.items()},
        "peak_square": {n: as_array(square) for n, (_, square) in peaks.items()},
    }


def _peaks(feature: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest value of every channel (N, C), and the first square with it.

    The board is scanned twice for that; `torch.max` takes four times as long to find
    an index.
    """
    maps = feature.permute(0, 2, 3, 1).flatten(1, 2)
    best = maps.amax(1, keepdim=True)
    n_squares = maps.shape[1]
    falling = torch.arange(n_squares, 0, -1).to(maps)[:, None]
    first = torch.eq(maps, best, out=torch.empty_like(maps)).mul_(falling).amax(1)
    return best[:, 0], (n_squares - first).to(torch.int8)


def as_array(tensor: Tensor) -> Array:
    """Return a tensor as an array, of float32 where numpy lacks its type."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    array: Array = tensor.detach().cpu().contiguous().numpy()
    return array
