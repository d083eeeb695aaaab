"""Two sums that relevance must keep: over layers, and over channels.

What starts at a target arrives at the input but for what biases and stabilizers
absorb, and the conditional heatmaps of a layer's channels add up to the heatmap of the
whole layer.

Shapes use N positions, L operations and C channels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, channel_rows
from conceptlrp.lrp.probing import forward, starts_of


@dataclass(frozen=True)
class ConservationReport:
    """What becomes of relevance on its way down, as shares of the target.

    ``operations`` redistribute it, from the input upwards; ``bias`` and ``stabilizer``
    (L, N) are what each absorbs, ``arrived`` (N,) is what arrives at the input.
    """

    operations: tuple[str, ...]
    bias: NDArray[Any]
    stabilizer: NDArray[Any]
    arrived: NDArray[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return medians over positions, ready for JSON."""
        bias, stabilizer = (np.median(a, axis=1) for a in (self.bias, self.stabilizer))
        layers = {
            name: {"bias": float(b), "stabilizer": float(s)}
            for name, b, s in zip(self.operations, bias, stabilizer, strict=True)
        }
        return {"arrived": float(np.median(self.arrived)), "layers": layers}


def conservation_of(
    explainer: Explainer, sample: Sample, *, target: str = "best"
) -> ConservationReport | None:
    """Follow relevance from the outputs to the input.

    None for a composite without rules, or one that needs zennit's hooks.
    """
    try:
        found = explainer.conservation(sample.corpus, targets=[target])
    except (CompositeError, NetworkError):
        return None
    started = sample.outputs.of(sample.actions(target)).astype(np.float64)
    kept = started != 0
    bias, stabilizer = (
        part[:, kept, 0] / started[kept] for part in (found.bias, found.stabilizer)
    )
    arrived = 1 - (bias + stabilizer).sum(axis=0)
    return ConservationReport(found.operations, bias, stabilizer, arrived)


def additivity_errors(
    explainer: Explainer, sample: Sample, *, batch_size: int = 32
) -> dict[str, NDArray[Any]]:
    """Compare the sum of a layer's conditional heatmaps with the layer's heatmap.

    Of every layer it is the largest difference (N,) at a square, by the largest value
    of the layer's heatmap; 0 where both are zero.
    """
    parts: dict[str, list[NDArray[Any]]] = {layer: [] for layer in explainer.layers}
    for first in range(0, len(sample), batch_size):
        rows = slice(first, first + batch_size)
        with forward(explainer, sample.boards[rows]) as passed:
            _, relevance = passed.relevance(starts_of(passed, sample.best[rows, None]))
            wanted = {
                layer: channel_rows(layer, None, passed.features[layer])
                for layer in explainer.layers
            }
            maps, _ = passed.conditional(relevance, wanted)
            for layer in explainer.layers:
                whole, _ = passed.relevance({layer: relevance[layer]})
                error = _relative_error(maps[layer].sum(2), whole.sum(2))
                parts[layer].append(as_array(error))
    return {layer: np.concatenate(found) for layer, found in parts.items()}


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    difference = (found - expected).abs().flatten(1).amax(1)
    size = expected.abs().flatten(1).amax(1)
    return torch.where(difference > 0, difference / size, torch.zeros_like(size))
