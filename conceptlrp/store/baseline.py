"""What relevance is measured above: zero, the mean map of a corpus, or a donor's map.

With a feature map a, a baseline b and rho, the relevance per unit of activation,
relevance above the baseline is (a - b) * rho. It says what a layer's output does when
its map becomes b, so the baseline has to be that of the question.

Shapes use N positions and C channels of an H x W map.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello.board import to_boards

if TYPE_CHECKING:
    from conceptlrp.othello import Corpus
    from conceptlrp.othello.corpus import Rows

BASELINES: Final = ("zero", "mean", "donor")


@dataclass(frozen=True, eq=False, repr=False)
class Baseline:
    """What relevance is measured above.

    Attributes
    ----------
    kind : str
        "zero" for plain relevance, "mean" for a map of each layer, or "donor" for
        the map that another position has, row by row.
    maps : dict of str to ndarray of shape (C, H, W)
        The mean map of every layer, for "mean".
    donors : Corpus or None
        A position a row, for "donor".
    positions, seed : int
        The sample of which the mean was taken, for "mean".
    """

    kind: str = "zero"
    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    donors: "Corpus | None" = None
    positions: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in BASELINES:
            msg = f"baseline is '{self.kind}', expected one of {', '.join(BASELINES)}"
            raise ValueError(msg)
        if (self.kind == "mean") != bool(self.maps) or (self.kind == "donor") != (
            self.donors is not None
        ):
            msg = f"baseline '{self.kind}' needs maps for a mean, donors for a donor"
            raise ValueError(msg)
        maps = {name: np.asarray(a, np.float32) for name, a in self.maps.items()}
        object.__setattr__(self, "maps", maps)

    @property
    def digest(self) -> str:
        """SHA-256 of the maps, or of the donors' discs; "" for zero."""
        if self.kind == "zero":
            return ""
        digest = hashlib.sha256(self.kind.encode())
        for name, array in sorted(self.arrays().items()):
            header = f"\n{name} {array.dtype.str} {array.shape}\n"
            digest.update(header.encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """One of `BASELINES`."""
        return self.kind

    @property
    def words(self) -> str:
        """What relevance is above, to be read after "above"."""
        return baseline_words(self.kind, self.positions)

    def __repr__(self) -> str:
        return f"Baseline({self.words})"

    def take(self, rows: "Rows") -> "Baseline":
        """Return the baseline of some rows: of others only donors know them apart."""
        if self.donors is None:
            return self
        return Baseline("donor", donors=self.donors[rows])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that the baseline is, by the names of a store's datasets."""
        if self.donors is not None:
            donors = self.donors
            return {"donors/own": donors.own, "donors/opponent": donors.opponent}
        return {f"layers/{name}/mean": each for name, each in self.maps.items()}

    @staticmethod
    def of_donors(
        own: NDArray[np.uint64], opponent: NDArray[np.uint64], *, size: int
    ) -> "Baseline":
        """Make the baseline of donors that are known by their discs (N,)."""
        from conceptlrp.othello import Corpus

        edge = (8 - size) // 2
        inside = slice(edge, 8 - edge)
        boards = to_boards(own, opponent)[:, inside, inside]
        return Baseline("donor", donors=Corpus.from_boards(boards))


def baseline_words(kind: str, positions: int = 0) -> str:
    """Name a baseline as it stands after "above"."""
    if kind == "mean":
        return f"the mean of {positions:,} positions"
    return {"zero": "zero", "donor": "its donor's map"}[kind]
