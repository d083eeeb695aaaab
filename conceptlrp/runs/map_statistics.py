"""Board statistics of every channel, summed up while positions stream by.

A conditional heatmap is reduced the moment it is known, so no map is stored. The
sums are integers: a sum of floats would depend on how positions fall into shards,
a sum of integers does not, and shards can be added in any order and grouping. A
batch is summed in float64 and then split into two words of int64,

    value = word 0 * 2**-20 + word 1 * 2**-60,

fine enough for the squares of the smallest maps and wide enough for a sum over
millions of the largest.

Shapes use N positions, P phases of the game, T targets, C channels, n x n squares.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import RunError
from conceptlrp.networks.planes import bits, crop
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import PHASES, board_phases
from conceptlrp.store.board_statistics import REGIONS, WORD_BITS

Integers = dict[str, NDArray[np.int64]]
_COARSE, _FINE = WORD_BITS
_LARGEST = float(1 << 62)


def game_phases(positions: Corpus) -> NDArray[np.int64]:
    """Return the phase of each position.

    Returns (N,): indices into `PHASES`.
    """
    return board_phases(positions.own, positions.opponent, size=positions.size)


def region_masks(positions: Corpus) -> NDArray[np.float64]:
    """Return which squares belong to each of `REGIONS`, (N, 4, n, n) of 0 and 1."""
    occupied = positions.own | positions.opponent
    boards = {
        "own": positions.own,
        "opponent": positions.opponent,
        "empty": ~occupied,
        "legal": positions.legal,
    }
    masks = [crop(bits(boards[name]), size=positions.size) for name in REGIONS]
    return np.concatenate(masks, axis=1).astype(np.float64)


def batch_statistics(maps: Mapping[str, Tensor], positions: Corpus) -> Integers:
    """Sum the conditional heatmaps of one batch, phase by phase.

    Shapes: `maps` (N, T, C, n, n).
    """
    phases = game_phases(positions)
    regions = region_masks(positions)
    counts = np.bincount(phases, minlength=len(PHASES))
    found: Integers = {"statistics/positions": counts.astype(np.int64)}
    for layer, every in maps.items():
        sums = [
            _sums(every[phases == phase].double(), regions[phases == phase])
            for phase in range(len(PHASES))
        ]
        for quantity in sums[0]:
            stacked = torch.stack([each[quantity] for each in sums]).cpu().numpy()
            found[f"statistics/{layer}/{quantity}"] = as_words(stacked)
    return found


def _sums(maps: Tensor, regions: NDArray[np.float64]) -> dict[str, Tensor]:
    masks = torch.from_numpy(regions).to(maps.device)
    return {
        "positive": maps.clamp(min=0).sum(0),
        "negative": maps.clamp(max=0).sum(0),
        "squared": maps.square().sum(0),
        "magnitude": torch.einsum("ntcij,nrij->tcr", maps.abs(), masks),
    }


def as_words(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return float64 numbers as two words each, along a new last axis.

    Examples
    --------
    >>> as_words(np.array([1.5, -(2.0**-30)])).tolist()
    [[1572864, 0], [0, -1073741824]]
    """
    coarse = np.rint(np.ldexp(values, _COARSE))
    _check_range(coarse)
    # What the first word leaves is exact: both have the bits of one float64.
    rest = values - np.ldexp(coarse, -_COARSE)
    fine = np.rint(np.ldexp(rest, _FINE))
    return np.stack([coarse, fine], axis=-1).astype(np.int64)


def add_statistics(total: Integers, part: Mapping[str, NDArray[np.int64]]) -> None:
    """Add statistics to a total, exactly."""
    for name, words in part.items():
        if name not in total:
            total[name] = words.copy()
            continue
        total[name] += words
        _check_range(total[name])


def _check_range(words: NDArray[Any]) -> None:
    largest = float(np.abs(words).max(initial=0))
    if not largest < _LARGEST:
        msg = (
            f"relevance sums to {np.ldexp(largest, -_COARSE):.3g}, too large for board "
            f"statistics (below {np.ldexp(_LARGEST, -_COARSE):.3g}); leave them out"
        )
        raise RunError(msg)
