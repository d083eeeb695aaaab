"""Faithfulness of channels: feature maps are ablated in the order of relevance.

The rest of the network runs from the ablated map alone, many ablations in a batch.
If relevance tells what the network uses, the output falls faster in its order than
in that of activation or a random one: this is what concept relevance claims.

Shapes use N positions, K steps, C channels of an H x W map and A actions.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.curves import DeletionCurves
from conceptlrp.ablation.orders import places
from conceptlrp.ablation.probing import Outputs, forward
from conceptlrp.ablation.sampling import Sample, best_actions, same_ply_donors
from conceptlrp.ablation.square_deletion import start_sign
from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine.propagation import NativePassed
from conceptlrp.lrp.summary import as_array

#: What a channel becomes: nothing, its mean over the positions square by square, or
#: its map at another position with as many discs.
ABLATIONS: Final = ("zero", "mean", "resample")
STEPS: Final = 12

_VALUES_AT_ONCE: Final = 1 << 23


@dataclass(frozen=True)
class FeatureMaps:
    """Feature maps of one layer, and those that ablation puts in their place.

    Attributes
    ----------
    layer : str
        Name of the layer.
    maps : ndarray of shape (N, C, H, W)
        The feature maps.
    donors : ndarray of shape (N,)
        For each position another one with as many discs.
    """

    layer: str
    maps: NDArray[Any]
    donors: NDArray[np.int64]

    def replacement(self, ablation: str) -> NDArray[Any]:
        """Return what comes to the place of each channel, (N or 1, C, H, W)."""
        if ablation not in ABLATIONS:
            known = ", ".join(ABLATIONS)
            msg = f"unknown ablation '{ablation}', expected one of {known}"
            raise ValueError(msg)
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
    explainer: Explainer, sample: Sample, *, seed: int = 0, batch_size: int = 256
) -> dict[str, FeatureMaps]:
    """Return the feature maps of every layer of the explainer."""
    parts = []
    for first in range(0, len(sample), batch_size):
        with forward(explainer, sample.boards[first : first + batch_size]) as passed:
            parts.append({n: as_array(f) for n, f in passed.features.items()})
    donors = same_ply_donors(sample.corpus, seed=seed)
    return {
        layer: FeatureMaps(layer, np.concatenate([p[layer] for p in parts]), donors)
        for layer in explainer.layers
    }


def delete_channels(
    explainer: Explainer,
    sample: Sample,
    features: FeatureMaps,
    scores: ArrayLike,
    *,
    target: str = "best",
    ablation: str = "zero",
    steps: int = STEPS,
) -> DeletionCurves:
    """Ablate channels one after the other and follow an output.

    Shapes: `scores` (N, C).

    References
    ----------
    Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    array = np.asarray(scores)
    counts = step_counts(array.shape[1], steps)
    gone = [
        places(sign * array)[:, None] < np.array(counts)[:, None] for sign in (1, -1)
    ]
    replaced = features.replacement(ablation)
    followed, changed = [], []
    for each in gone:
        outputs = _ablated(explainer, sample, features, each, replaced)
        asked = np.repeat(sample.actions(target), len(counts))
        followed.append(outputs.of(asked).reshape(len(sample), -1))
        logits = outputs.logits.reshape(len(sample), len(counts), -1)
        best = best_actions(logits, sample.legal[:, None])
        changed.append(best != sample.best[:, None])
    sign = start_sign(sample, target)
    return DeletionCurves(
        steps=counts,
        start=sign * sample.outputs.of(sample.actions(target)),
        most_first=sign[:, None] * followed[0],
        least_first=sign[:, None] * followed[1],
        changed=changed[0],
    )


def step_counts(n_channels: int, steps: int) -> tuple[int, ...]:
    """Return how many channels are gone after each step.

    Examples
    --------
    >>> step_counts(64, 4), step_counts(3, 12)
    ((13, 26, 38, 51), (1, 2))
    """
    evenly = n_channels * np.arange(1, steps + 1) / (steps + 1)
    counts = np.clip(np.rint(evenly), 1, max(1, n_channels - 1))
    return tuple(int(count) for count in np.unique(counts))


def run_from(
    explainer: Explainer,
    boards: NDArray[np.int8],
    layer: str,
    features: NDArray[Any],
) -> Outputs:
    """Run the rest of a network from feature maps of one layer.

    Shapes: `boards` (N, n, n), `features` (N, K, C, H, W). Returns: of N K rows, those
    of one position behind each other.
    """
    n, k = features.shape[:2]
    rows = torch.arange(n, device=explainer.device).repeat_interleave(k)
    changed = torch.from_numpy(features.reshape(n * k, *features.shape[2:]))
    with forward(explainer, boards) as passed:
        if not isinstance(passed, NativePassed):
            msg = "ablation needs the native engine, which does not know a module"
            raise NetworkError(msg)
        changed = changed.to(explainer.device, explainer.dtype)
        found = passed.run_from(layer, changed, rows)
    logits = as_array(found["policy"])
    if "value" not in found:
        return Outputs(logits, np.full(n * k, np.nan, np.float32))
    return Outputs(logits, as_array(found["value"][:, 0]))


def _ablated(
    explainer: Explainer,
    sample: Sample,
    features: FeatureMaps,
    gone: NDArray[np.bool_],
    replaced: NDArray[Any],
) -> Outputs:
    """Return the outputs (N K, ...) with the channels (N, K, C) replaced."""
    each = gone.shape[1] * features.maps[0].size
    step = max(1, _VALUES_AT_ONCE // each)
    logits, values = [], []
    for first in range(0, len(sample), step):
        rows = slice(first, first + step)
        others = replaced if len(replaced) == 1 else replaced[rows]
        mask = gone[rows, :, :, None, None]
        ablated = np.where(mask, others[:, None], features.maps[rows, None])
        found = run_from(explainer, sample.boards[rows], features.layer, ablated)
        logits.append(found.logits)
        values.append(found.value)
    return Outputs(np.concatenate(logits), np.concatenate(values))
