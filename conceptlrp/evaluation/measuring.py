"""Measurements of a method, from values and from curves of deletion.

Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.feature_maps import ABLATIONS, FeatureMaps
from conceptlrp.evaluation.deletion import (
    PERTURBATIONS,
    DeletionCurves,
    delete_channels,
    delete_squares,
)
from conceptlrp.evaluation.result import Curve, Findings, Measurement
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.statistics.estimates import Estimate, estimate, estimates

Array = NDArray[Any]


def measured(
    method: str, games: ArrayLike, metrics: Mapping[str, Array | Mapping[str, Array]]
) -> Findings:
    """Estimate the mean of values (N,) of each metric, or of each of its parts."""
    parts = {
        metric: values if isinstance(values, Mapping) else {"": values}
        for metric, values in metrics.items()
    }
    return Findings(
        tuple(
            Measurement(method, metric, "best", part, estimate(values, games))
            for metric, found in parts.items()
            for part, values in found.items()
        )
    )


def measure_squares(
    explainer: Explainer,
    sample: Sample,
    method: str,
    scores: ArrayLike,
    *,
    target: str,
    metric: str = "square_gain",
    seed: int = 0,
) -> Findings:
    """Take discs away in the order of scores (N, S), in every way there is."""
    found = Findings()
    for perturbation in PERTURBATIONS:
        curves = delete_squares(
            explainer,
            sample,
            scores,
            target=target,
            perturbation=perturbation,
            seed=seed,
        )
        name = (method, metric, target, perturbation)
        found += _of_curves(name, curves, sample.games, "square_moves_changed")
    return found


def measure_channels(
    explainer: Explainer,
    sample: Sample,
    method: str,
    features: Mapping[str, FeatureMaps],
    scores: Mapping[str, Array],
) -> Findings:
    """Ablate channels in the order of scores (N, C) of each layer, in every way."""
    found = Findings()
    for layer, order in scores.items():
        for ablation in ABLATIONS:
            curves = delete_channels(
                explainer, sample, features[layer], order, ablation=ablation
            )
            name = (method, "channel_gain", "best", f"{layer} {ablation}")
            found += _of_curves(name, curves, sample.games, "channel_moves_changed")
    return found


def _of_curves(
    name: tuple[str, str, str, str],
    curves: DeletionCurves,
    games: NDArray[np.int32],
    changed: str,
) -> Findings:
    method, metric, target, part = name
    gain = Measurement(*name, estimate(curves.gain, games))
    if metric.endswith("same_class"):
        return Findings((gain,))
    share = estimate(curves.changed.mean(axis=1), games)
    moves = Measurement(method, changed, target, part, share)
    return Findings((gain, moves), (Curve(*name, steps_of(curves, games)),))


def steps_of(curves: DeletionCurves, games: ArrayLike) -> tuple[dict[str, Any], ...]:
    """Return one record for each step of curves."""
    fall = estimates(curves.fall, games)
    rise = estimates(curves.start[:, None] - curves.least_first, games)
    changed = curves.changed.mean(axis=0)
    return tuple(
        {
            "gone": gone,
            **_ends("fall", down),
            **_ends("least_first", up),
            "moves_changed": float(share),
        }
        for gone, down, up, share in zip(curves.steps, fall, rise, changed, strict=True)
    )


def _ends(name: str, found: Estimate) -> dict[str, Any]:
    ends = found.to_dict()
    return {f"{name}_{key}": ends[key] for key in ("mean", "low", "high")}
