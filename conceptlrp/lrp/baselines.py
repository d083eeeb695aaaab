"""Baselines: what relevance of a feature map is measured from.

Plain relevance says what a channel carries against its being zero, which a network
never sees. Above a baseline b it is R^b = R - b * rho = (a - b) * rho, with activation
a and rho the relevance per unit of it: what is lost where b takes the place of a. The
baseline is zero, the mean map of a sample of positions, or another position's map.

Shapes use N positions and C channels of an H x W feature map.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError
from conceptlrp.othello import Corpus

if TYPE_CHECKING:
    from conceptlrp.lrp.explainer import Explainer
    from conceptlrp.lrp.inputs import Positions

#: What a baseline can be.
BASELINES = ("zero", "mean", "donor")
_BATCH = 256


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
        if self.kind not in BASELINES:
            msg = f"baseline is '{self.kind}', expected one of {', '.join(BASELINES)}"
            raise ValueError(msg)
        if self.kind == "mean" and not self.maps:
            msg = "a mean baseline has no maps; take one by mean_baseline"
            raise ValueError(msg)
        if (self.kind == "donor") != (self.donors is not None):
            msg = "a donor baseline, and no other, needs the positions of its donors"
            raise ValueError(msg)

    @property
    def name(self) -> str:
        """Its kind, by which results mention it."""
        return self.kind

    @property
    def words(self) -> str:
        """What it is, within a sentence: "the mean of 1,024 positions"."""
        if self.kind == "mean":
            return f"the mean of {self.positions:,} positions"
        return "its donor's map" if self.kind == "donor" else "zero"

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

    def take(self, rows: slice | Sequence[int] | NDArray[np.intp]) -> "Baseline":
        """Return that of some of the positions: their donors, or the same mean."""
        if self.donors is None:
            return self
        return replace(self, donors=self.donors[rows])

    def check(self, layers: tuple[str, ...], n_positions: int) -> None:
        """Refuse layers without a mean map, or positions without a donor each."""
        missing = [layer for layer in layers if layer not in self.maps]
        if self.kind == "mean" and missing:
            msg = (
                f"the baseline has no mean of '{missing[0]}', only of "
                f"{', '.join(self.maps)}; take it over the layers to explain"
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Baseline):
            return NotImplemented
        return (self.kind, self.digest) == (other.kind, other.digest)

    def __hash__(self) -> int:
        return hash((self.kind, self.digest))

    def __repr__(self) -> str:
        return f"Baseline({self.words})"


ZERO = Baseline()


def mean_baseline(
    explainer: "Explainer",
    corpus: "Positions",
    *,
    n_positions: int = 1024,
    seed: int = 0,
) -> Baseline:
    """Take the mean feature map of every layer over a sample of positions.

    Parameters
    ----------
    explainer : Explainer
        Whose layers the baseline is for.
    corpus : Corpus or other positions
        Where the sample is drawn.
    n_positions : int
        How many positions; all if there are no more.
    seed : int
        Draws them.

    Returns
    -------
    Baseline
        With maps (C, H, W) in float32, whatever the explainer computes in.

    Raises
    ------
    ValueError
        For fewer than two positions: above its own map, all relevance is zero.
    """
    sample = explainer.corpus(corpus).sample(n_positions, seed=seed)
    if len(sample) < 2:
        msg = (
            "the mean of one position is its own map, above which relevance is zero; "
            "take mean_baseline over a corpus"
        )
        raise ValueError(msg)
    sums: dict[str, NDArray[np.float64]] = {}
    for first in range(0, len(sample), _BATCH):
        for layer, feature in explainer.maps(sample[first : first + _BATCH]).items():
            part = feature.cpu().double().sum(0).numpy()
            sums[layer] = sums[layer] + part if layer in sums else part
    maps = {n: (total / len(sample)).astype(np.float32) for n, total in sums.items()}
    return Baseline("mean", maps, positions=len(sample), seed=seed)


def resolve_baseline(
    baseline: "str | Baseline | Positions | None",
    explainer: "Explainer",
    corpus: "Positions | None",
) -> Baseline:
    """Return what a user calls a baseline as one.

    Parameters
    ----------
    baseline : None, str, Baseline or positions
        None or "zero" for plain relevance, "mean" for the mean over the corpus, or
        positions in any form: donors, one for each position, row by row.
    explainer : Explainer
        Whose layers it is for.
    corpus : positions or None
        Where a mean is taken; None for the corpus that ships, on a board of 8 x 8.

    Returns
    -------
    Baseline
        The same object if it was one.

    Raises
    ------
    ValueError, TypeError
        For an unknown word, or a mean that there are no positions for.
    """
    if baseline is None or isinstance(baseline, Baseline):
        return baseline or ZERO
    if isinstance(baseline, str):
        return _of_word(baseline, explainer, corpus)
    donors = explainer.corpus(baseline)
    return Baseline("donor", donors=donors, positions=len(donors))


def _of_word(word: str, explainer: "Explainer", corpus: "Positions | None") -> Baseline:
    if word == "zero":
        return ZERO
    if word not in BASELINES:
        msg = (
            f"baseline is '{word}', expected 'zero', 'mean', a Baseline or the "
            "positions of donors"
        )
        raise ValueError(msg)
    if word == "donor":
        msg = "baseline is 'donor'; give the donors' positions instead, one for each"
        raise ValueError(msg)
    if corpus is None and explainer.size != 8:
        msg = (
            f"there is no corpus of {explainer.size} x {explainer.size} to take the "
            "mean over; take it by mean_baseline and give that"
        )
        raise ValueError(msg)
    return mean_baseline(explainer, Corpus.read("demo") if corpus is None else corpus)
