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
from conceptlrp.othello import Corpus, count

#: Thirds of the game, by the discs that have been added to the first four.
PHASES = ("opening", "midgame", "endgame")
#: Sets of squares whose share of |relevance| is summed; legal ones are empty too.
REGIONS = ("own", "opponent", "empty", "legal")

Integers = dict[str, NDArray[np.int64]]
_COARSE, _FINE = 20, 60
_LARGEST = float(1 << 62)


def game_phases(positions: Corpus) -> NDArray[np.int64]:
    """Return the phase of each position.

    Parameters
    ----------
    positions : Corpus
        N positions.

    Returns
    -------
    ndarray of shape (N,)
        Indices into `PHASES`.
    """
    discs = count(positions.own | positions.opponent).astype(np.int64)
    added = positions.size**2 - 4
    last = len(PHASES) - 1
    phases: NDArray[np.int64] = np.clip((discs - 4) * len(PHASES) // added, 0, last)
    return phases


def region_masks(positions: Corpus) -> NDArray[np.float64]:
    """Return which squares belong to each of `REGIONS`, (N, 4, n, n) of 0 and 1."""
    occupied = positions.own | positions.opponent
    boards = (positions.own, positions.opponent, ~occupied, positions.legal)
    masks = [crop(bits(board), size=positions.size) for board in boards]
    return np.concatenate(masks, axis=1).astype(np.float64)


def batch_statistics(maps: Mapping[str, Tensor], positions: Corpus) -> Integers:
    """Sum the conditional heatmaps of one batch, phase by phase.

    Parameters
    ----------
    maps : mapping of str to Tensor of shape (N, T, C, n, n)
        Conditional heatmaps of every layer.
    positions : Corpus
        The N positions.

    Returns
    -------
    dict of str to ndarray
        ``statistics/positions`` (P,), and for every layer ``positive``,
        ``negative`` and ``squared`` (P, T, C, n, n, 2): sums of max(map, 0), of
        min(map, 0) and of map squared; ``magnitude`` (P, T, C, 4, 2): sums of
        |map| over each of `REGIONS`.

    Raises
    ------
    RunError
        For relevance that is too large to be summed.
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


def from_words(words: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the numbers that pairs of words stand for.

    Examples
    --------
    >>> float(from_words(as_words(np.array(0.1))))
    0.1
    """
    coarse, fine = words[..., 0], words[..., 1]
    # Words that were added up are first brought into the range of one number, so
    # that the same sum is the same float however it came about.
    carry = fine >> (_FINE - _COARSE)
    fine = fine - (carry << (_FINE - _COARSE))
    values: NDArray[np.float64] = np.ldexp(
        (coarse + carry).astype(np.float64), -_COARSE
    ) + np.ldexp(fine.astype(np.float64), -_FINE)
    return values


def add_statistics(total: Integers, part: Mapping[str, NDArray[np.int64]]) -> None:
    """Add statistics to a total, exactly.

    Parameters
    ----------
    total : dict of str to ndarray
        Changed in place; empty at first.
    part : mapping of str to ndarray
        What `batch_statistics` returns.

    Raises
    ------
    RunError
        When a sum becomes too large for its words.
    """
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
