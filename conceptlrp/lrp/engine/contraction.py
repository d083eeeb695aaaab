"""Contract tangents with relevance: from one sweep to the heatmaps of all targets.

The heatmap of channel c for target t is H[t, c, p] = sum_s T[p, c, s] R[t, c, s].
No channel mixes with another, so this is bound by memory and not by
multiplications: tangents are read once, a block at a time, and meet the relevance
of all targets while they are in the cache.

Shapes use N positions, T targets, C channels, S sites of a feature map, P input
squares and R rows of tangents.
"""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from conceptlrp.lrp._zennit import Activation, Pass
from conceptlrp.lrp.engine.native import NativeEngine, NativeForward
from conceptlrp.lrp.engine.sweep import Tangents, as_sites
from conceptlrp.lrp.engine.tangents import tap_sites

_BLOCK_BYTES = 1 << 21


def conditional_heatmaps(tangents: Tangents, relevance: Tensor) -> Tensor:
    """Contract the tangents at a layer with its relevance.

    Shapes: `relevance` (N, T, C, H, W). Returns (N, T, C, P): input relevance that
    flows through each channel alone.
    """
    # One column for all channels: each heatmap is one product with the same matrix.
    if tangents.data.shape[1] == 1:
        return _alike_heatmaps(tangents, relevance)
    n_positions, n_targets, n_channels = relevance.shape[:3]
    maps = relevance.new_empty(
        n_targets, n_positions, tangents.rows.shape[1], n_channels
    )
    # Targets outermost and channels innermost, as the rows of tangents lie in memory;
    # the result is turned round at the end without being copied.
    sites = [_weighted(tangents, relevance[:, t]) for t in range(n_targets)]
    order, offsets = (index.to(relevance.device) for index in tangents.rows.by_square)
    places = tangents.rows.places.to(relevance.device).index_select(0, order)
    for block in _blocks(tangents, n_positions):
        _contract(tangents.data, sites, (order, places, offsets), block, maps)
    return maps.permute(1, 0, 3, 2)


def _weighted(tangents: Tangents, relevance: Tensor) -> Tensor:
    """Return relevance (N, C, H, W) as rows a site, the tangents' scale included."""
    sites = as_sites(relevance)
    return sites if tangents.scale is None else sites * tangents.scale


def _blocks(tangents: Tangents, n_positions: int) -> list[slice]:
    """Divide positions so that the rows of a block stay in the cache."""
    row_bytes = tangents.data.shape[1] * tangents.data.element_size()
    rows_each = max(1, tangents.rows.n_rows // n_positions)
    step = max(1, _BLOCK_BYTES // (row_bytes * rows_each))
    starts = range(0, n_positions, step)
    return [slice(first, min(first + step, n_positions)) for first in starts]


def _contract(
    data: Tensor,
    sites: list[Tensor],
    index: tuple[Tensor, Tensor, Tensor],
    block: slice,
    maps: Tensor,
) -> None:
    """Fill the maps (T, N, P, C) of a block of positions."""
    order, places, offsets = index
    n_squares = maps.shape[2]
    first, last = offsets[block.start * n_squares], offsets[block.stop * n_squares]
    begins = offsets[block.start * n_squares : block.stop * n_squares] - first
    values = data.index_select(0, order[first:last])
    product = torch.empty_like(values)
    # Rows are in the order of their squares: each square sums a run of them, which
    # embedding_bag does without first making the runs equally long.
    bag = torch.arange(len(values), device=data.device)
    for target, relevance in enumerate(sites):
        torch.index_select(relevance, 0, places[first:last], out=product)
        product.mul_(values)
        summed = functional.embedding_bag(bag, product, begins, mode="sum")
        maps[target, block] = summed.view(-1, *maps.shape[2:])


def _alike_heatmaps(tangents: Tangents, relevance: Tensor) -> Tensor:
    """Contract tangents that are alike in all channels: one matrix a position."""
    rows = tangents.rows
    if tangents.scale is not None:
        scale = tangents.scale.view(rows.shape[0], 1, *relevance.shape[3:], -1)
        relevance = relevance * scale.permute(0, 1, 4, 2, 3)
    matrices = dense(tangents, tangents.data[:, 0])
    found = relevance.flatten(3).flatten(1, 2) @ matrices
    return found.view(*relevance.shape[:3], rows.shape[1])


def dense(tangents: Tangents, values: Tensor) -> Tensor:
    """Lay one number a row out as matrices (N, S, P), zero where there is no row."""
    rows = tangents.rows
    n_positions, n_squares, n_sites = rows.shape
    index = (rows.position, rows.site, rows.square)
    matrices = values.new_zeros(n_positions, n_sites, n_squares)
    matrices[tuple(torch.from_numpy(part) for part in index)] = values
    return matrices


def pick_channels(maps: Tensor, channels: Tensor) -> Tensor:
    """Pick channels (N, T, K) from the maps of all, (N, T, C, P)."""
    n_channels = maps.shape[2]
    # All channels in their order, the usual case, need no copy.
    if channels.shape[2] == n_channels and bool(
        (channels == torch.arange(n_channels, device=channels.device)).all()
    ):
        return maps
    return maps.gather(2, channels[..., None].expand(-1, -1, -1, maps.shape[3]))


def of_targets(channels: Tensor, relevance: Tensor) -> Tensor:
    """Return channels (N, K), or (N, T, K), as each target of relevance has its own."""
    rows = channels[:, None] if channels.dim() == 2 else channels
    return rows.expand(*relevance.shape[:2], -1)


def single_channels(
    passed: NativeForward,
    name: str,
    relevance: Tensor,
    channels: Tensor,
    step: str | None,
    every: Collection[str],
) -> dict[str, Tensor]:
    """Return where relevance of single channels (N, T, K) starts, each by itself.

    With a step (see `single_step`) it goes down that at once by its own channel's
    weights, a C-th of them. Shapes: `relevance` (N, T, C, H, W). Returns (N, T * K, C',
    H', W') at an operation.
    """
    chosen = pick_channels(relevance.flatten(3), channels)
    if step is None:
        n, t, k, s = chosen.shape
        whole = chosen.new_zeros(n, t, k, relevance.shape[2], s)
        index = channels[..., None, None].expand(n, t, k, 1, s)
        whole.scatter_(3, index, chosen[:, :, :, None])
        return {name: whole.view(n, t * k, *relevance.shape[2:])}
    (below,) = passed.engine.program.operations[step].inputs
    side = passed.values[below].shape[2:]
    taps = tap_sites(passed.engine.rules[step].geometry, *side)
    # Turned round: of each site below, the one above that reads it by each tap, or a
    # last one without relevance.
    sites = np.full((side.numel(), taps.shape[1]), len(taps))
    above, tap = np.nonzero(taps >= 0)
    sites[taps[above, tap], tap] = above
    places = torch.from_numpy(sites.ravel()).to(chosen.device)
    total: Tensor | None = None
    every = {*every, *passed.engine.exposed([name])}
    for branch in passed.branches(step, every=step in every):
        scale = branch.scale[:, None].flatten(3).expand(-1, channels.shape[1], -1, -1)
        scale = pick_channels(scale, channels)
        scaled = functional.pad(chosen * scale, (0, 1))
        rows = torch.unflatten(scaled.index_select(3, places), 3, sites.shape)
        part = rows @ branch.weight.flatten(2)[channels].transpose(3, 4)
        if isinstance(branch.multiplier, Tensor):
            part.mul_(branch.multiplier.flatten(2).transpose(1, 2)[:, None, None])
        elif branch.multiplier != 1.0:
            part.mul_(branch.multiplier)
        total = part if total is None else total.add_(part)
    assert total is not None
    return {below: torch.unflatten(total.flatten(1, 2).transpose(2, 3), 3, side)}


def single_step(engine: NativeEngine, name: str) -> str | None:
    """Return the convolution whose output a value is, but for what passes all on."""
    operation = engine.program.operations[name]
    while operation.kind == "pass" and (
        isinstance(operation.rule, Pass) or not isinstance(operation.module, Activation)
    ):
        operation = engine.program.operations[operation.inputs[0]]
    rule = engine.rules.get(operation.name)
    if operation.kind != "conv" or rule is None or rule.is_dense:
        return None
    return operation.name
