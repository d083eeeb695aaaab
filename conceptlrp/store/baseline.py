"""Baselines: what relevance of a feature map is measured from.

Plain relevance says what a channel carries against its being zero, which a network
never sees. Above a baseline b it is R^b = R - b * rho = (a - b) * rho, with activation
a and rho the relevance per unit of it: what is lost where b takes the place of a. The
baseline is zero, the mean map of a sample of positions, or another position's map.

Shapes use N positions and C channels of an H x W feature map.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, check_choice, check_type
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards
from conceptlrp.othello.corpus import Rows

#: What a baseline can be.
BASELINES: Final = ("zero", "mean", "donor")


@dataclass(frozen=True, eq=False, repr=False)
class Baseline:
    """What relevance of layers is measured from; equal where the digests are.

    Attributes
    ----------
    kind : str
        "zero", "mean" or "donor".
    maps : dict of str to ndarray of shape (C, H, W)
        The mean map of every layer; empty for the other kinds.
    donors : Corpus or None
        For "donor": a position for each one that is explained, whose own feature maps
        are the baseline.
    positions : int
        How many positions the mean was taken over.
    seed : int
        Which draws them.
    """

    kind: str = "zero"
    maps: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    donors: Corpus | None = None
    positions: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("baseline", self.kind, BASELINES)
        if self.kind == "mean" and not self.maps:
            msg = "a mean baseline has no maps; take one by mean_baseline"
            raise ValueError(msg)
        if (self.kind == "donor") != (self.donors is not None):
            msg = "a donor baseline, and no other, needs the positions of its donors"
            raise ValueError(msg)
        for layer, values in self.maps.items():
            _check_map(layer, values)

    @property
    def name(self) -> str:
        """Its kind, by which results mention it."""
        return self.kind

    @property
    def words(self) -> str:
        """What it is, within a sentence: "the mean of 1,024 positions"."""
        return baseline_words(self.kind, self.positions)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides relevance above it, empty for zero."""
        if self.kind == "zero":
            return ""
        found = hashlib.sha256(self.kind.encode())
        for layer, values in sorted(self.maps.items()):
            found.update(f"{layer} {values.shape}".encode())
            found.update(np.ascontiguousarray(values, "<f4").tobytes())
        if self.donors is not None:
            for column in (self.donors.own, self.donors.opponent):
                found.update(np.ascontiguousarray(column, "<u8").tobytes())
        return found.hexdigest()

    def take(self, rows: Rows) -> "Baseline":
        """Return the baseline of some of the rows, which have donors of their own."""
        if self.donors is None:
            return self
        donors = self.donors[rows]
        return Baseline("donor", donors=donors, positions=len(donors))

    def check(self, shapes: Mapping[str, Mapping[str, int]], n_positions: int) -> None:
        """Refuse layers without a mean map, or positions without a donor each.

        Shapes of the layers' maps are those of `Explainer.shapes`.
        """
        missing = [layer for layer in shapes if layer not in self.maps]
        if self.kind == "mean" and missing:
            msg = (
                f"the baseline has no mean of '{missing[0]}', only of "
                f"{', '.join(self.maps)}; take it over the layers to explain"
            )
            raise LayerError(msg)
        for layer, shape in shapes.items() if self.kind == "mean" else ():
            found, expected = self.maps[layer].shape, tuple(shape.values())
            if found != expected:
                msg = (
                    f"the baseline's mean of '{layer}' has shape {found}, expected "
                    f"{expected}; take it by mean_baseline with the same network"
                )
                raise LayerError(msg)
        if self.donors is not None and len(self.donors) != n_positions:
            msg = (
                f"there are {len(self.donors):,} donors for {n_positions:,} positions, "
                "expected one for each"
            )
            raise ValueError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return what a file or report says of it; without the maps."""
        return {
            "kind": self.kind,
            "positions": self.positions,
            "seed": self.seed,
            "digest": self.digest,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that it is made of, by the names that a store's file has."""
        if self.donors is not None:
            donors = self.donors
            return {"donors/own": donors.own, "donors/opponent": donors.opponent}
        return {f"layers/{name}/mean": each for name, each in self.maps.items()}

    @staticmethod
    def of_arrays(
        arrays: Mapping[str, NDArray[Any]], *, positions: int, seed: int, size: int
    ) -> "Baseline":
        """Return the baseline that `arrays` took apart, on boards of a size."""
        if "donors/own" in arrays:
            edge = (8 - size) // 2
            inside = slice(edge, 8 - edge)
            boards = to_boards(arrays["donors/own"], arrays["donors/opponent"])
            donors = Corpus.from_boards(boards[:, inside, inside])
            return Baseline("donor", donors=donors, positions=len(donors))
        maps = {
            name.removeprefix("layers/").removesuffix("/mean"): each
            for name, each in arrays.items()
        }
        return Baseline("mean", maps, positions=positions, seed=seed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Baseline):
            return NotImplemented
        return (self.kind, self.digest) == (other.kind, other.digest)

    def __hash__(self) -> int:
        return hash((self.kind, self.digest))

    def __repr__(self) -> str:
        return f"Baseline({self.words})"


def _check_map(layer: str, values: object) -> None:
    """Refuse a mean map that is no array (C, H, W) of finite numbers."""
    expected = "expected an array (C, H, W) of finite numbers"
    check_type(values, np.ndarray, f"the baseline's mean of '{layer}'", expected[9:])
    assert isinstance(values, np.ndarray)
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        msg = (
            f"the baseline's mean of '{layer}' has shape {values.shape} of "
            f"{values.dtype}, {expected}"
        )
        raise ValueError(msg)
    if not np.isfinite(values).all():
        msg = f"the baseline's mean of '{layer}' holds nan or infinity, {expected}"
        raise ValueError(msg)


ZERO: Final = Baseline()


def baseline_words(kind: str, positions: int = 0) -> str:
    """Name a baseline as it stands after "above", from what a file says of it."""
    if kind == "mean":
        return f"the mean of {positions:,} positions"
    return "its donor's map" if kind == "donor" else "zero"
