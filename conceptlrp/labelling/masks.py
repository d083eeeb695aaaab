"""Maps of channels against sets of squares: share, overlap, order within a board.

Shapes use N positions, C channels, K labels and n x n squares of the board; sets of
squares are bitboards as in `conceptlrp.othello`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.estimates import ratio
from conceptlrp.statistics.ranks import Floats, centered_ranks, effects, label_matrix

_SIZES = (6, 8)
_BLOCK = 512


def relevance_share(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Compute which part of a channel's map lies on a set of squares.

    ``share = mean_n sum_{s in mask} |R_n(s)| / sum_s |R_n(s)|`` (C, K) over positions
    with a set that is not empty and a map that is not zero; nan where there are none.
    """

    def shares(weight: NDArray[Any], bits: NDArray[np.bool_]) -> Floats:
        weight = weight.astype(np.float64)
        inside = np.einsum("nsc,nsk->nck", weight, bits, optimize=True)
        mass = weight.sum(axis=1)
        found: Floats = inside / np.where(mass > 0, mass, 1)[:, :, None]
        return found

    return _mean_over_positions(maps, masks, shares)


def relevance_iou(maps: ArrayLike, masks: ArrayLike, *, level: float = 0.25) -> Floats:
    """Compute how well the squares that a channel reads agree with a set of squares.

    ``IoU = mean_n |A_n & mask| / |A_n | mask|`` (C, K) with ``A_n`` the squares that
    have at least ``level`` times the largest ``|R_n(s)|``, over positions as in
    `relevance_share`. See Bau et al., "Network Dissection", CVPR 2017.
    """

    def overlaps(weight: NDArray[Any], bits: NDArray[np.bool_]) -> Floats:
        least = level * weight.max(axis=1)[:, None]
        active = ((weight >= least) & (weight > 0)).astype(np.float32)
        masked = bits.astype(np.float32)
        both = np.einsum("nsc,nsk->nck", active, masked, optimize=True)
        sizes = active.sum(axis=1)[:, :, None] + masked.sum(axis=1)[:, None, :]
        found: Floats = both / np.maximum(sizes - both, 1)
        return found

    return _mean_over_positions(maps, masks, overlaps)


def within_board_auroc(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Compute how often a square of a set exceeds another one of the same board.

    The mean (C, K) over boards is weighted by pairs of squares, nan without any.
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
        msg = f"maps have shape {shape}, expected (N, C, 8, 8) or (N, C, 6, 6)"
        raise ValueError(msg)
    return int(shape[2])


def _mean_over_positions(
    maps: ArrayLike,
    masks: ArrayLike,
    measure: Callable[[NDArray[Any], NDArray[np.bool_]], Floats],
) -> Floats:
    """Average a measure (n, C, K) of sizes of maps and sets of squares, in blocks."""
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    total, number = (np.zeros((flat.shape[2], bits.shape[2])) for _ in range(2))
    for first in range(0, len(flat), _BLOCK):
        weight = np.abs(flat[first : first + _BLOCK])
        within = bits[first : first + _BLOCK]
        counted = (weight.max(axis=1) > 0)[:, :, None] & within.max(axis=1)[:, None]
        total += (measure(weight, within) * counted).sum(axis=0)
        number += counted.sum(axis=0)
    return ratio(total, number)
