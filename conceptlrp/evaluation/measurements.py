"""Single results of an evaluation: what was measured of which method.

A method is a composite, or what composites are held against ("random", "center" ...).
Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.channel_deletion import ABLATIONS, FeatureMaps, delete_channels
from conceptlrp.ablation.curves import DeletionCurves
from conceptlrp.ablation.sampling import Sample
from conceptlrp.ablation.square_deletion import PERTURBATIONS, delete_squares
from conceptlrp.lrp import Explainer
from conceptlrp.statistics.estimates import Estimate, estimate


@dataclass(frozen=True)
class Measurement:
    """One number with its interval.

    Attributes
    ----------
    method : str
        A composite or a baseline.
    metric : str
        What was measured.
    target : str
        "best", "value", or empty where it is about no single output.
    part : str
        Layer, perturbation or other detail; empty for none.
    estimate : Estimate
        Mean over positions and interval.
    """

    method: str
    metric: str
    target: str
    part: str
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return one flat record, ready for JSON."""
        names = ("method", "metric", "target", "part")
        return {n: getattr(self, n) for n in names} | self.estimate.to_dict()


@dataclass(frozen=True)
class Curve:
    """How an output falls as squares or channels are taken away.

    Attributes
    ----------
    method, metric, target, part : str
        As for a `Measurement`.
    steps : tuple of dict
        For every step how many are gone, mean and interval of the fall in either
        order, and how often the best move is another one.
    """

    method: str
    metric: str
    target: str
    part: str
    steps: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        names = ("method", "metric", "target", "part")
        return {n: getattr(self, n) for n in names} | {"steps": list(self.steps)}


@dataclass(frozen=True)
class Findings:
    """Measurements and curves, in the order in which they were made.

    Attributes
    ----------
    measurements : tuple of Measurement
        Numbers with intervals.
    curves : tuple of Curve
        The curves behind some of them.
    """

    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            self.measurements + other.measurements, self.curves + other.curves
        )

    def find(
        self, metric: str, *, method: str | None = None, target: str | None = None
    ) -> list[Measurement]:
        """Return the measurements of a metric, of one method or target only."""
        return [
            m
            for m in self.measurements
            if m.metric == metric
            and method in (None, m.method)
            and target in (None, m.target)
        ]

    def frame(self) -> pd.DataFrame:
        """Return a row for each measurement."""
        columns = ["method", "metric", "target", "part", "mean", "low", "high", "n"]
        return pd.DataFrame([m.to_dict() for m in self.measurements], columns=columns)


def measured(
    method: str,
    metric: str,
    parts: Mapping[str, ArrayLike],
    games: ArrayLike,
    *,
    target: str = "best",
) -> Findings:
    """Estimate the mean of values (N,), one for each part.

    Shapes: `parts` (N,), `games` (N,).
    """
    return Findings(
        tuple(
            Measurement(method, metric, target, part, estimate(values, games))
            for part, values in parts.items()
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
    scores: Mapping[str, NDArray[Any]],
    *,
    target: str = "best",
) -> Findings:
    """Ablate channels in the order of scores (N, C) of each layer, in every way.

    Shapes: `scores` (N, C).
    """
    found = Findings()
    for layer, order in scores.items():
        for ablation in ABLATIONS:
            curves = delete_channels(
                explainer,
                sample,
                features[layer],
                order,
                target=target,
                ablation=ablation,
            )
            name = (method, "channel_gain", target, f"{layer} {ablation}")
            found += _of_curves(name, curves, sample.games, "channel_moves_changed")
    return found


def steps_frame(curves: Iterable[Curve]) -> pd.DataFrame:
    """Return a row for each step of each curve."""
    rows = [
        {"method": c.method, "metric": c.metric, "target": c.target, "part": c.part}
        | step
        for c in curves
        for step in c.steps
    ]
    return pd.DataFrame(rows)


def _of_curves(
    name: tuple[str, str, str, str],
    curves: DeletionCurves,
    games: NDArray[np.int32],
    changed: str,
) -> Findings:
    method, metric, target, part = name
    gain = Measurement(*name, curves.estimate_gain(games))
    if metric.endswith("same_class"):
        return Findings((gain,))
    share = estimate(curves.changed.mean(axis=1), games)
    moves = Measurement(method, changed, target, part, share)
    curve = Curve(*name, tuple(_steps(curves.to_dict(games))))
    return Findings((gain, moves), (curve,))


def _steps(curves: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Turn a curve's columns into one record a step."""
    columns = [curves[n] for n in ("steps", "fall", "fall_least_first", "changed")]
    return [
        {
            "gone": gone,
            **{f"fall_{key}": fall[key] for key in ("mean", "low", "high")},
            **{f"least_first_{key}": rise[key] for key in ("mean", "low", "high")},
            "moves_changed": changed,
        }
        for gone, fall, rise, changed in zip(*columns, strict=True)
    ]
