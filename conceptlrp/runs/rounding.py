"""Storing numbers with fewer digits than they were computed with.

Shapes use N positions, T targets, C channels and n x n squares.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import NetworkError, RunError

Array = NDArray[Any]

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
        """Return values as they are stored.

        Shapes: `values` (N, ...).
        """
        quantity = name.rpartition("/")[2]
        wanted = self.dtype if quantity in ROUNDED else np.dtype(np.float32)
        if not np.issubdtype(values.dtype, np.floating) or values.dtype == wanted:
            return values
        _check_range(name, values, wanted, first)
        stored = values.astype(wanted)
        self._note(quantity, values, stored, _largest(values))
        return stored

    def store_maps(self, maps: Array) -> tuple[Array, Array | None]:
        """Return conditional heatmaps as they are stored, and their scale.

        Shapes: `maps` (N, T, C, n, n). Returns (N, T, C, n, n): divided by their scale
        where they are stored as float16; (N, T): the largest |value| of a position's
        maps, 1 where all are zero.
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
    """Return the largest |value| of each position, (N,)."""
    flat: Array = np.abs(values).reshape(len(values), -1).max(axis=1, initial=0)
    return flat


def _check_range(name: str, values: Array, dtype: np.dtype[Any], first: int) -> None:
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
    """Refuse numbers that are not finite before they reach a sum or a file.

    Shapes: `values` (N, ...).
    """
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
