"""Relevance of channels beside what each channel's ablation does.

Relevance above a baseline b, R^b = (a - b) rho, predicts what the output loses where b
takes the place of the activation a; with b zero it is plain relevance. The prediction
is held against the loss itself, found exactly by running the network once for each
channel: rank correlation over the channels of a layer, at single positions and of the
means over positions, of sizes and with signs.

Shapes use N positions, T targets, C channels and G games.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.sample import FeatureMaps
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer, Intervention
from conceptlrp.lrp.baselines import Baseline
from conceptlrp.lrp.batch import as_array, batches
from conceptlrp.lrp.probing import planes_of, starts_of
from conceptlrp.statistics.estimates import (
    Estimate,
    bootstrap_means,
    known_mean,
    rank_correlation,
)

Array = NDArray[Any]

#: What an ablation puts in a channel's place, and the baseline that stands for it.
MATCHING: Final = {"zero": "zero", "mean": "mean", "resample": "donor"}
#: Ablations that scores are held against, and the baselines of these, the matching one
#: last. Zero ablation is none of them: a network never sees a channel of zeros.
AGAINST: Final = {"mean": ("zero", "mean"), "resample": ("zero", "mean", "donor")}
_BATCH: Final = 64
_REPLICATES: Final = 200


def ablation_effects(
    explainer: Explainer,
    sample: Sample,
    features: FeatureMaps,
    ablation: str,
    targets: Sequence[str],
) -> Array:
    """Return what targets lose (N, T, C) when a channel of a layer is ablated alone."""
    others = features.replacement(ablation)
    alone = [
        Intervention(features.layer, channel, value=others[:, [channel]])
        for channel in range(others.shape[1])
    ]
    found = explainer.intervene(sample.corpus, alone, targets=targets)
    return found.change.transpose(1, 2, 0)


def channel_relevance(
    explainer: Explainer,
    sample: Sample,
    baselines: Mapping[str, Baseline],
    targets: Sequence[str],
) -> dict[str, dict[str, Array]]:
    """Return relevance (N, T, C) of channels by layer, above each of the baselines."""
    actions = np.stack([sample.actions(target) for target in targets], axis=1)
    parts: dict[str, dict[str, list[Array]]] = {
        name: {layer: [] for layer in explainer.layers} for name in baselines
    }
    for rows in batches(len(sample), _BATCH):
        planes = planes_of(explainer, sample.boards[rows])
        for name, baseline in baselines.items():
            above = baseline.take(rows)
            with explainer.forward(planes, baseline=above) as passed:
                _, layers = passed.relevance(starts_of(passed, actions[rows]))
            for layer, relevance in layers.items():
                parts[name][layer].append(as_array(relevance.sum((3, 4))))
    return {
        name: {layer: np.concatenate(each) for layer, each in layers.items()}
        for name, layers in parts.items()
    }


def activations(features: FeatureMaps, n_targets: int) -> dict[str, Array]:
    """Return activations (N, T, C), whatever the target, less what ablation leaves."""
    found = {}
    for ablation, baseline in MATCHING.items():
        left = features.replacement(ablation).sum(axis=(2, 3))
        less = (features.activation - left)[:, None]
        found[baseline] = np.broadcast_to(less, (len(less), n_targets, less.shape[2]))
    return found


def agreement(score: Array, effect: Array, *, signed: bool) -> Array:
    """Correlate the ranks of scores and effects (N, C) at each position: (N,)."""
    if signed:
        return rank_correlation(score, effect)
    return rank_correlation(np.abs(score), np.abs(effect))


def overall_agreement(
    score: Array, effect: Array, games: ArrayLike, *, signed: bool
) -> Estimate:
    """Correlate the ranks of the means over positions of scores and effects (N, C).

    The interval is over games, of which both means are drawn together.
    """
    pair = np.stack([score, effect], axis=1)
    pair = pair if signed else np.abs(pair)
    mean = rank_correlation(*known_mean(pair)[:, None])[0]
    drawn = bootstrap_means(pair, games, replicates=_REPLICATES)
    drawn = rank_correlation(*drawn.swapaxes(0, 1))
    known = drawn[np.isfinite(drawn)]
    ends = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
    return Estimate(float(mean), float(ends[0]), float(ends[1]), len(score))
