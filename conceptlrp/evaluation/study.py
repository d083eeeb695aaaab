"""What an evaluation measures of baselines and of every composite.

Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from conceptlrp.ablation.sample import ABLATIONS, FeatureMaps, feature_maps
from conceptlrp.evaluation.faithfulness import (
    PERTURBATIONS,
    DeletionCurves,
    center_prior,
    delete_channels,
    delete_squares,
    occlusion,
    same_class_scores,
    score_flip_lines,
    start_sign,
)
from conceptlrp.evaluation.heatmaps import (
    channel_cosines,
    empty_board_share,
    empty_square_share,
    policy_against_value,
    random_logit_cosine,
    symmetry_consistency,
)
from conceptlrp.evaluation.result import Curve, Findings, Measurement
from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.evaluation.sanity import (
    CASCADES,
    additivity_errors,
    cascade,
    conservation_of,
)
from conceptlrp.labelling.networks import random_network
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.lrp.probing import Relevance, explain_boards
from conceptlrp.othello import Corpus
from conceptlrp.statistics.estimates import Estimate, estimate, estimates

Array = NDArray[Any]

_BASE = "epsilon"
_ADDITIVITY_POSITIONS = 32
_ACTIONS = ("best", "other", "value")


@dataclass(frozen=True)
class Study:
    """What all composites of an evaluation have in common.

    ``base`` holds the network, whatever its composite; ``few`` are the positions for
    what takes long; ``targets`` are "best" and, where there is a value head, "value".
    """

    base: Explainer
    sample: Sample
    few: Sample
    features: dict[str, FeatureMaps]
    targets: tuple[str, ...]
    seed: int


def _measured(
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


def _measure_squares(
    study: Study, method: str, scores: Array, target: str, metric: str = "square_gain"
) -> Findings:
    """Take discs away in the order of scores (N, S), in every way there is."""
    found, sample = Findings(), study.sample
    for perturbation in PERTURBATIONS:
        curves = delete_squares(
            study.base,
            sample,
            scores,
            target=target,
            perturbation=perturbation,
            seed=study.seed,
        )
        name = (method, metric, target, perturbation)
        found += _of_curves(name, curves, sample.games, "square_moves_changed")
    return found


def _measure_channels(
    study: Study, method: str, scores: Mapping[str, Array]
) -> Findings:
    """Ablate channels in the order of scores (N, C) of each layer, in every way."""
    found, sample = Findings(), study.sample
    for layer, order in scores.items():
        for ablation in ABLATIONS:
            curves = delete_channels(
                study.base, sample, study.features[layer], order, ablation=ablation
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
    return Findings((gain, moves), (Curve(*name, _steps_of(curves, games)),))


def _steps_of(curves: DeletionCurves, games: ArrayLike) -> tuple[dict[str, Any], ...]:
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


def measure_composite(
    study: Study, name: str, explainer: Explainer
) -> tuple[Findings, dict[str, Any], Array]:
    """Measure one composite; its details and heatmaps of the best moves too."""
    relevance = _explain(explainer, study.sample, study.targets)
    found = _faithfulness(study, name, relevance)
    found += _dependence(study, name, explainer, relevance)
    checks, details = _checks(study, name, explainer, relevance)
    return found + checks, details, relevance.one_hot[:, 0]


def prepare_study(
    network: nn.Module,
    corpus: Corpus,
    layers: Sequence[str] | None,
    n_positions: int,
    n_cascade: int,
    seed: int,
) -> Study:
    """Draw positions and run the network on them."""
    base = Explainer(network, composite=_BASE, layers=layers)
    sample = draw_sample(base, corpus, n_positions=n_positions, seed=seed)
    has_value = bool(np.isfinite(sample.outputs.value).all())
    return Study(
        base=base,
        sample=sample,
        few=sample.take(n_cascade),
        features=feature_maps(base, sample.corpus, seed=seed),
        targets=("best", "value") if has_value else ("best",),
        seed=seed,
    )


def _explain(
    explainer: Explainer, sample: Sample, targets: tuple[str, ...]
) -> Relevance:
    """Explain the best move, another one and, where there is one, the value."""
    names = [name for name in _ACTIONS if name == "other" or name in targets]
    actions = np.stack([sample.actions(name) for name in names], axis=1)
    return explain_boards(explainer, sample.boards, actions)


def measure_baselines(study: Study, network: nn.Module) -> Findings:
    """Measure orders that composites are held against."""
    sample = study.sample
    generator = np.random.default_rng(study.seed)
    random = generator.random(sample.discs.shape)
    center = np.broadcast_to(center_prior(sample.corpus.size), sample.discs.shape)
    found = Findings()
    for target in study.targets:
        orders = {
            "random": random,
            "center": center,
            "occlusion": occlusion(study.base, sample, target=target),
        }
        for method, scores in orders.items():
            found += _measure_squares(study, method, scores, target)
            if target == "best":
                found += _flip_lines(sample, method, scores)
    for method, order in _channel_orders(study, network, generator).items():
        found += _measure_channels(study, method, order)
    return found


def _channel_orders(
    study: Study, network: nn.Module, generator: np.random.Generator
) -> dict[str, dict[str, Array]]:
    activation = {layer: f.activation for layer, f in study.features.items()}
    random = {layer: generator.random(a.shape) for layer, a in activation.items()}
    slopes = Explainer(network, composite=GRADIENT, layers=study.base.layers)
    relevance = explain_boards(slopes, study.sample.boards, study.sample.best[:, None])
    return {
        "random": random,
        "activation": activation,
        "gradient x activation": {
            layer: r[:, 0] for layer, r in relevance.channels.items()
        },
    }


def _faithfulness(study: Study, name: str, relevance: Relevance) -> Findings:
    """Take away discs and channels in the order of a composite's relevance."""
    sample, found = study.sample, Findings()
    places = {"best": 0, "value": 2}
    for target in study.targets:
        maps = relevance.heatmap[:, places[target]].reshape(len(sample), -1)
        scores = start_sign(sample, target)[:, None] * maps
        shuffled = same_class_scores(sample, scores, seed=study.seed)
        found += _measure_squares(study, name, scores, target)
        metric = "square_gain_same_class"
        found += _measure_squares(study, name, shuffled, target, metric)
    order = {layer: r[:, 0] for layer, r in relevance.channels.items()}
    found += _measure_channels(study, name, order)
    return found + _flip_lines(sample, name, _best_maps(relevance))


def _flip_lines(sample: Sample, method: str, scores: Array) -> Findings:
    """Score heatmaps by the flip lines, and chance beside an order by chance."""
    lines, games = score_flip_lines(sample.corpus, sample.best, scores), sample.games
    # The prior of the centre has no sign, so that its mass would mean nothing.
    mass = {} if method == "center" else {"flip_line_mass": lines.mass}
    accuracy = {"flip_line_rank_accuracy": lines.rank_accuracy}
    found = _measured(method, games, mass | accuracy)
    if method == "random":
        found += _measured("chance", games, {"flip_line_mass": lines.chance})
    return found


def _dependence(
    study: Study, name: str, explainer: Explainer, relevance: Relevance
) -> Findings:
    """Measure how much a composite's heatmaps depend on what is explained."""
    sample = study.sample
    cosines = random_logit_cosine(relevance)
    share, mass = empty_board_share(explainer, sample, relevance)
    found: dict[str, Array | dict[str, Array]] = {
        "channel_cosine": channel_cosines(explainer, sample, relevance),
        "random_logit_cosine": np.abs(cosines),
        "random_logit_cosine_signed": cosines,
        "empty_board_share": share,
        "empty_board_mass": mass,
        "empty_square_share": empty_square_share(sample, _best_maps(relevance)),
    }
    if "value" in study.targets:
        found["policy_value_cosine"] = policy_against_value(relevance)
    return _measured(name, sample.games, found)


def _checks(
    study: Study, name: str, explainer: Explainer, relevance: Relevance
) -> tuple[Findings, dict[str, Any]]:
    """Check sums, symmetry and what random weights leave, on some positions."""
    few, games = study.few, study.few.games
    rows = slice(len(few))
    part = Relevance(relevance.explained[rows], relevance.heatmap[rows], {}, {})
    found = _measured(name, games, symmetry_consistency(explainer, few, part))
    cascades = [
        cascade(explainer, few, order=o, seeds=[study.seed + i for i in range(3)])
        for o in CASCADES
    ]
    for each in cascades:
        last = {"cascade_rho": each.rho[-1], "cascade_excess": each.excess[-1]}
        by_order = {metric: {each.cascade: rows} for metric, rows in last.items()}
        found += _measured(name, games, by_order)
    found += _random_network(study, name, explainer)
    errors = additivity_errors(explainer, few.take(_ADDITIVITY_POSITIONS))
    conservation = conservation_of(explainer, few)
    return found, {
        "rules": explainer.rules,
        "conservation": conservation.to_dict() if conservation else None,
        "additivity": {layer: float(e.max()) for layer, e in errors.items()},
        "cascades": [each.to_dict(games) for each in cascades],
    }


def _random_network(study: Study, name: str, explainer: Explainer) -> Findings:
    """Measure the same of a network without its weights: what needs no training."""
    few = study.few
    untrained = random_network(explainer, seed=study.seed)
    relevance = _explain(untrained, few, study.targets)
    lines = score_flip_lines(few.corpus, few.best, _best_maps(relevance))
    found = {
        "random_network_flip_line_mass": lines.mass,
        "random_network_random_logit_cosine": np.abs(random_logit_cosine(relevance)),
    }
    return _measured(name, few.games, found)


def _best_maps(relevance: Relevance) -> Array:
    return relevance.heatmap[:, 0].reshape(len(relevance.heatmap), -1)
