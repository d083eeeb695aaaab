"""Numbers as a store keeps them: summed exactly, or rounded with a known error.

Board statistics of every channel are summed up while positions stream by: a
conditional heatmap is reduced the moment it is known, so no map is stored. The sums
are integers: a sum of floats would depend on how positions fall into shards, a sum of
integers does not, and shards can be added in any order and grouping. A batch is
summed in float64 and then split into two words of int64,

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

from conceptlrp.errors import NetworkError, RunError
from conceptlrp.networks.planes import bits, crop
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import PHASES, board_phases
from conceptlrp.store.arrays import REGIONS, WORD_BITS

Array = NDArray[Any]
Integers = dict[str, NDArray[np.int64]]
_COARSE, _FINE = WORD_BITS
_LARGEST = float(1 << 62)


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
    """Sum the conditional heatmaps (N, T, C, n, n) of one batch, phase by phase."""
    own, opponent = positions.own, positions.opponent
    phases = board_phases(own, opponent, size=positions.size)
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


#: Quantities of a layer that are stored in the dtype that the user chose.
ROUNDED = ("relevance", "activation", "peak")


class Rounding:
    """The largest rounding error of everything that was stored.

    An error counts relative to the largest value of the same position in the same
    dataset: channels whose values are that small are known that much worse.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.errors: dict[str, float] = {}

    def store(self, name: str, values: Array, first: int) -> Array:
        """Return values (N, ...) as they are stored."""
        quantity = name.rpartition("/")[2]
        wanted = self.dtype if quantity in ROUNDED else np.dtype(np.float32)
        if not np.issubdtype(values.dtype, np.floating) or values.dtype == wanted:
            return values
        _check_fits(name, values, wanted, first)
        stored = values.astype(wanted)
        self._note(quantity, values, stored, _largest(values))
        return stored

    def store_maps(self, maps: Array) -> tuple[Array, Array | None]:
        """Return conditional heatmaps (N, T, C, n, n) as they are stored, and a scale.

        As float16 they are divided by their scale (N, T): the largest magnitude of a
        position's maps, 1 where all are zero.
        """
        if self.dtype != np.float16:
            stored = maps.astype(self.dtype, copy=False)
            self._note("maps", maps, stored, _largest(maps))
            return stored, None
        largest = np.abs(maps).max((2, 3, 4)).astype(np.float32)
        scale = np.where(largest > 0, largest, np.float32(1))
        factor = scale[:, :, None, None, None]
        stored = (maps / factor).astype(np.float16)
        self._note("maps", maps / factor, stored, np.ones(len(maps)))
        return stored, scale

    def _note(
        self, quantity: str, values: Array, stored: Array, largest: Array
    ) -> None:
        errors = _largest(values - stored.astype(values.dtype))
        error = float((errors / np.where(largest > 0, largest, 1)).max(initial=0))
        self.errors[quantity] = max(self.errors.get(quantity, 0.0), error)


def _largest(values: Array) -> Array:
    flat: Array = np.abs(values).reshape(len(values), -1).max(axis=1, initial=0)
    return flat


def _check_fits(name: str, values: Array, dtype: np.dtype[Any], first: int) -> None:
    limit = float(np.finfo(dtype).max)
    too_large = _largest(values) > limit
    if too_large.any():
        row = int(np.flatnonzero(too_large)[0])
        msg = (
            f"{name} at position {first + row} reaches {_largest(values)[row]:.6g}, "
            f"too large for {dtype} (up to {limit:.6g}); store float32"
        )
        raise RunError(msg)


def check_finite(name: str, values: Array, first: int) -> None:
    """Refuse numbers (N, ...) that are not finite before they reach a sum or a file."""
    if not np.issubdtype(values.dtype, np.floating):
        return
    wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if wrong.any():
        row = first + int(np.flatnonzero(wrong)[0])
        msg = (
            f"{name} at position {row} is not finite; the network has weights that "
            "are nan or so large that numbers overflow"
        )
        raise NetworkError(msg)
