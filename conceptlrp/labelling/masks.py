"""Maps of channels against sets of squares: share, overlap, order within a board.

Shapes use N positions, C channels, K labels and n x n squares of the board; sets of
squares are bitboards as in `conceptlrp.othello`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import Floats, centered_ranks, effects, label_matrix

_SIZES = (6, 8)
_BLOCK = 512


def relevance_share(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Compute which part of a channel's map lies on a set of squares.

    ``share = mean_n sum_{s in mask} |R_n(s)| / sum_s |R_n(s)|`` over positions with a
    set that is not empty and a map that is not zero.

    Shapes: `maps` (N, C, n, n), `masks` (N, K). Returns (C, K): NaN where no position
    counts.
    """
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    total, number = (np.zeros((flat.shape[2], bits.shape[2])) for _ in range(2))
    for block in _blocks(len(flat)):
        weight = np.abs(flat[block]).astype(np.float64)
        mass = weight.sum(axis=1)
        inside = np.einsum("nsc,nsk->nck", weight, bits[block], optimize=True)
        some = bits[block].max(axis=1)
        counted = (mass > 0)[:, :, None] & some[:, None, :]
        total += (inside / np.where(mass > 0, mass, 1)[:, :, None] * counted).sum(
            axis=0
        )
        number += counted.sum(axis=0)
    return _mean(total, number)


def relevance_iou(maps: ArrayLike, masks: ArrayLike, *, level: float = 0.25) -> Floats:
    """Compute how well the squares that a channel reads agree with a set of squares.

    ``IoU = mean_n |A_n & mask| / |A_n | mask|`` with ``A_n`` the squares that have at
    least ``level`` times the largest ``|R_n(s)|``, over positions as in
    `relevance_share`.

    Shapes: `maps` (N, C, n, n), `masks` (N, K). Returns (C, K): NaN where no position
    counts.

    References
    ----------
    Bau et al., "Network Dissection", CVPR 2017.
    """
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    total, number = (np.zeros((flat.shape[2], bits.shape[2])) for _ in range(2))
    for block in _blocks(len(flat)):
        weight = np.abs(flat[block])
        most, masked = weight.max(axis=1), bits[block].astype(np.float32)
        active = ((weight >= level * most[:, None]) & (weight > 0)).astype(np.float32)
        both = np.einsum("nsc,nsk->nck", active, masked, optimize=True)
        sizes = active.sum(axis=1)[:, :, None] + masked.sum(axis=1)[:, None, :]
        counted = (most > 0)[:, :, None] & (masked.sum(axis=1) > 0)[:, None, :]
        union = np.maximum(sizes - both, 1)
        total += (both / union * counted).sum(axis=0)
        number += counted.sum(axis=0)
    return _mean(total, number)


def within_board_auroc(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Compute how often a square of a set exceeds another one of the same board.

    Shapes: `maps` (N, C, n, n), `masks` (N, K). Returns (C, K): mean over boards,
    weighted by pairs of squares; NaN where there are none.
    """
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    boards = np.repeat(np.arange(len(flat)), flat.shape[1])
    ranks = centered_ranks(flat.reshape(len(boards), -1), boards)
    columns = list(bits.reshape(len(boards), -1).T)
    return (effects(ranks, label_matrix(columns, boards)) + 1) / 2


def flat_maps(maps: ArrayLike) -> NDArray[Any]:
    """Return maps (N, C, n, n) with squares before channels, (N, n n, C)."""
    array = np.asarray(maps)
    flat: NDArray[Any] = array.reshape(*array.shape[:2], _size(array) ** 2)
    return np.ascontiguousarray(flat.swapaxes(1, 2))


def mask_bits(masks: ArrayLike, size: int) -> NDArray[np.bool_]:
    """Return sets of squares (N, K) as flags (N, n n, K)."""
    words = np.ascontiguousarray(masks, "<u8")
    bits = np.unpackbits(words[..., None].view(np.uint8), axis=-1, bitorder="little")
    margin = (8 - size) // 2
    board = slice(margin, margin + size)
    square = bits.reshape(*words.shape, 8, 8)[..., board, board]
    flat = square.reshape(*words.shape, size * size).view(np.bool_)
    return np.ascontiguousarray(flat.swapaxes(1, 2))


def _size(maps: ArrayLike) -> int:
    shape = np.shape(maps)
    if len(shape) != 4 or shape[2] != shape[3] or shape[2] not in _SIZES:
        message = f"maps have shape {shape}, expected (N, C, 8, 8) or (N, C, 6, 6)"
        raise ValueError(message)
    return int(shape[2])


def _blocks(length: int) -> list[slice]:
    return [slice(first, first + _BLOCK) for first in range(0, length, _BLOCK)]


def _mean(total: Floats, number: Floats) -> Floats:
    mean: Floats = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return mean
