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
from conceptlrp.evaluation.result import Curve
from conceptlrp.evaluation.sample import Sample, draw_sample
from conceptlrp.evaluation.sanity import (
    CASCADES,
    additivity_errors,
    cascade,
    conservation_of,
)
from conceptlrp.evaluation.scores import Scores
from conceptlrp.labelling.networks import random_network
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.lrp.probing import Relevance, explain_boards
from conceptlrp.othello import Corpus
from conceptlrp.statistics.estimates import Estimate, estimates

Array = NDArray[Any]

_BASE = "epsilon"
_ADDITIVITY_POSITIONS = 32
_ACTIONS = ("best", "other", "value")


@dataclass(frozen=True)
class Study:
    """What all composites of an evaluation have in common.

    ``base`` holds the network, whatever its composite; ``few`` are the positions for
    what takes long; ``targets`` are "best" and, where there is a value head, "value".
    ``scores`` takes up what is measured.
    """

    base: Explainer
    sample: Sample
    few: Sample
    features: dict[str, FeatureMaps]
    targets: tuple[str, ...]
    seed: int
    scores: Scores


def _measure_squares(
    study: Study, method: str, order: Array, target: str, metric: str = "square_gain"
) -> None:
    """Take discs away in the order of scores (N, S), in every way there is."""
    for perturbation in PERTURBATIONS:
        curves = delete_squares(
            study.base,
            study.sample,
            order,
            target=target,
            perturbation=perturbation,
            seed=study.seed,
        )
        name = (method, metric, target, perturbation)
        _add_curves(study, name, curves, "square_moves_changed")


def _measure_channels(study: Study, method: str, orders: Mapping[str, Array]) -> None:
    """Ablate channels in the order of scores (N, C) of each layer, in every way."""
    for layer, order in orders.items():
        for ablation in ABLATIONS:
            curves = delete_channels(
                study.base,
                study.sample,
                study.features[layer],
                order,
                ablation=ablation,
            )
            name = (method, "channel_gain", "best", f"{layer} {ablation}")
            _add_curves(study, name, curves, "channel_moves_changed")


def _add_curves(
    study: Study,
    name: tuple[str, str, str, str],
    curves: DeletionCurves,
    changed: str,
) -> None:
    method, metric, target, part = name
    scores = study.scores
    scores.add(method, metric, {part: curves.gain}, target=target)
    if metric.endswith("same_class"):
        return
    scores.add(method, changed, {part: curves.changed.mean(axis=1)}, target=target)
    scores.curves.append(Curve(*name, _steps_of(curves, scores.games)))


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
) -> tuple[dict[str, Any], Array]:
    """Measure one composite; return its details and heatmaps of the best moves."""
    relevance = _explain(explainer, study.sample, study.targets)
    _faithfulness(study, name, relevance)
    _dependence(study, name, explainer, relevance)
    return _checks(study, name, explainer, relevance), relevance.one_hot[:, 0]


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
        scores=Scores(sample.games),
    )


def _explain(
    explainer: Explainer, sample: Sample, targets: tuple[str, ...]
) -> Relevance:
    """Explain the best move, another one and, where there is one, the value."""
    names = [name for name in _ACTIONS if name == "other" or name in targets]
    actions = np.stack([sample.actions(name) for name in names], axis=1)
    return explain_boards(explainer, sample.boards, actions)


def measure_baselines(study: Study, network: nn.Module) -> None:
    """Measure orders that composites are held against."""
    sample = study.sample
    generator = np.random.default_rng(study.seed)
    random = generator.random(sample.discs.shape)
    center = np.broadcast_to(center_prior(sample.corpus.size), sample.discs.shape)
    for target in study.targets:
        orders = {
            "random": random,
            "center": center,
            "occlusion": occlusion(study.base, sample, target=target),
        }
        for method, order in orders.items():
            _measure_squares(study, method, order, target)
            if target == "best":
                _flip_lines(study, method, order)
    for method, channels in _channel_orders(study, network, generator).items():
        _measure_channels(study, method, channels)


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


def _faithfulness(study: Study, name: str, relevance: Relevance) -> None:
    """Take away discs and channels in the order of a composite's relevance."""
    sample = study.sample
    places = {"best": 0, "value": 2}
    for target in study.targets:
        maps = relevance.heatmap[:, places[target]].reshape(len(sample), -1)
        order = start_sign(sample, target)[:, None] * maps
        shuffled = same_class_scores(sample, order, seed=study.seed)
        _measure_squares(study, name, order, target)
        metric = "square_gain_same_class"
        _measure_squares(study, name, shuffled, target, metric)
    _measure_channels(study, name, {n: r[:, 0] for n, r in relevance.channels.items()})
    _flip_lines(study, name, _best_maps(relevance))


def _flip_lines(study: Study, method: str, order: Array) -> None:
    """Score heatmaps by the flip lines, and chance beside an order by chance."""
    sample, scores = study.sample, study.scores
    lines = score_flip_lines(sample.corpus, sample.best, order)
    # The prior of the centre has no sign, so that its mass would mean nothing.
    if method != "center":
        scores.add(method, "flip_line_mass", lines.mass)
    scores.add(method, "flip_line_rank_accuracy", lines.rank_accuracy)
    if method == "random":
        scores.add("chance", "flip_line_mass", lines.chance)


def _dependence(
    study: Study, name: str, explainer: Explainer, relevance: Relevance
) -> None:
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
    for metric, values in found.items():
        study.scores.add(name, metric, values)


def _checks(
    study: Study, name: str, explainer: Explainer, relevance: Relevance
) -> dict[str, Any]:
    """Check sums, symmetry and what random weights leave, on some positions."""
    few = study.few
    rows = slice(len(few))
    part = Relevance(relevance.explained[rows], relevance.heatmap[rows], {}, {})
    for metric, values in symmetry_consistency(explainer, few, part).items():
        study.scores.add(name, metric, values)
    cascades = [
        cascade(explainer, few, order=o, seeds=[study.seed + i for i in range(3)])
        for o in CASCADES
    ]
    for each in cascades:
        last = {"cascade_rho": each.rho[-1], "cascade_excess": each.excess[-1]}
        for metric, values in last.items():
            study.scores.add(name, metric, {each.cascade: values})
    _random_network(study, name, explainer)
    errors = additivity_errors(explainer, few.take(_ADDITIVITY_POSITIONS))
    conservation = conservation_of(explainer, few)
    return {
        "rules": explainer.rules,
        "conservation": conservation.to_dict() if conservation else None,
        "additivity": {layer: float(e.max()) for layer, e in errors.items()},
        "cascades": [each.to_dict(few.games) for each in cascades],
    }


def _random_network(study: Study, name: str, explainer: Explainer) -> None:
    """Measure the same of a network without its weights: what needs no training."""
    few = study.few
    untrained = random_network(explainer, seed=study.seed)
    relevance = _explain(untrained, few, study.targets)
    lines = score_flip_lines(few.corpus, few.best, _best_maps(relevance))
    cosines = np.abs(random_logit_cosine(relevance))
    study.scores.add(name, "random_network_flip_line_mass", lines.mass)
    study.scores.add(name, "random_network_random_logit_cosine", cosines)


def _best_maps(relevance: Relevance) -> Array:
    return relevance.heatmap[:, 0].reshape(len(relevance.heatmap), -1)
