"""Feature maps, what ablation puts in their place, and the network run on from them.

Shapes use N positions, K sets of maps for each, C channels of an H x W map and n x n
squares.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.lrp.probing import Outputs, boards_of, forward
from conceptlrp.othello import Corpus

#: What a channel becomes: nothing, its mean over the positions square by square, or
#: its map at another position with as many discs.
ABLATIONS: Final = ("zero", "mean", "resample")
NOT_NATIVE: Final = (
    "the network has a module that the native engine does not know, so its channels "
    "cannot be ablated"
)


def check_ablation(ablation: str) -> None:
    """Refuse an unknown ablation."""
    if ablation not in ABLATIONS:
        known = ", ".join(ABLATIONS)
        msg = f"unknown ablation '{ablation}', expected one of {known}"
        raise ValueError(msg)


@dataclass(frozen=True)
class FeatureMaps:
    """Feature maps (N, C, H, W) of one layer, and what ablation puts in their place.

    ``donors`` (N,) names for each position another one with as many discs.
    """

    layer: str
    maps: NDArray[Any]
    donors: NDArray[np.int64]

    def replacement(self, ablation: str) -> NDArray[Any]:
        """Return what takes the place of each channel, (N or 1, C, H, W)."""
        check_ablation(ablation)
        if ablation == "zero":
            return np.zeros_like(self.maps[:1])
        if ablation == "mean":
            mean: NDArray[Any] = self.maps.mean(axis=0, keepdims=True)
            return mean
        return self.maps[self.donors]

    @property
    def activation(self) -> NDArray[Any]:
        """Activation of every channel, summed over its map, (N, C)."""
        summed: NDArray[Any] = self.maps.sum(axis=(2, 3))
        return summed


def feature_maps(
    explainer: Explainer, corpus: Corpus, *, seed: int = 0, batch_size: int = 256
) -> dict[str, FeatureMaps]:
    """Return the feature maps of every layer of the explainer."""
    boards, parts = boards_of(corpus), []
    for first in range(0, len(boards), batch_size):
        with forward(explainer, boards[first : first + batch_size]) as passed:
            parts.append({n: as_array(f) for n, f in passed.features.items()})
    donors = same_ply_donors(corpus, seed=seed)
    return {
        layer: FeatureMaps(layer, np.concatenate([p[layer] for p in parts]), donors)
        for layer in explainer.layers
    }


def run_from(
    explainer: Explainer,
    boards: NDArray[np.int8],
    layer: str,
    features: NDArray[Any],
) -> Outputs:
    """Run the rest of a network from feature maps (N, K, C, H, W) of one layer.

    Returns N K rows, those of one position behind each other.
    """
    n, k = features.shape[:2]
    rows = torch.arange(n, device=explainer.device).repeat_interleave(k)
    changed = torch.from_numpy(features.reshape(n * k, *features.shape[2:]))
    with forward(explainer, boards) as passed:
        if not isinstance(passed, NativePassed):
            raise NetworkError(NOT_NATIVE)
        changed = changed.to(explainer.device, explainer.dtype)
        found = passed.run_from(layer, changed, rows)
    logits = as_array(found["policy"])
    if "value" not in found:
        return Outputs(logits, np.full(n * k, np.nan, np.float32))
    return Outputs(logits, as_array(found["value"][:, 0]))


def same_ply_donors(corpus: Corpus, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose for each position another one (N,) with as many discs on its board.

    Where no other position has as many, it is the one nearest in their number.
    """
    discs = np.bitwise_count(corpus.own | corpus.opponent).astype(np.int64)
    lots = np.random.default_rng(seed).permutation(len(corpus))
    order = np.lexsort((lots, discs))
    donors = np.empty(len(corpus), np.int64)
    # Within a run of equal counts each takes the next one, the last the first.
    firsts = np.flatnonzero(np.diff(discs[order], prepend=-1))
    for run in np.split(order, firsts[1:]):
        donors[run] = np.roll(run, -1)
    alone = np.flatnonzero(donors == np.arange(len(corpus)))
    place = np.empty(len(corpus), np.int64)
    place[order] = np.arange(len(corpus))
    for row in alone:
        at = int(place[row])
        near = [order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)]
        donors[row] = min(near, key=lambda r: abs(discs[r] - discs[row]))
    return donors
