"""What an evaluation measures of baselines and of every composite.

Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from conceptlrp.ablation.sample import FeatureMaps, feature_maps, same_ply_donors
from conceptlrp.errors import CompositeError
from conceptlrp.evaluation.faithfulness import (
    AGAINST,
    MATCHING,
    PERTURBATIONS,
    DeletionCurves,
    ablation_effects,
    activations,
    agreement,
    center_prior,
    channel_relevance,
    delete_channels,
    delete_squares,
    occlusion,
    overall_agreement,
    same_class_scores,
    score_flip_lines,
    start_sign,
)
from conceptlrp.evaluation.heatmaps import (
    CASCADES,
    additivity_errors,
    cascade,
    channel_cosines,
    conservation_of,
    empty_board_share,
    empty_square_share,
    policy_against_value,
    random_logit_cosine,
    symmetry_consistency,
)
from conceptlrp.evaluation.result import Curve
from conceptlrp.evaluation.sample import Key, Sample, Scores, draw_sample
from conceptlrp.labelling.networks import random_network
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import ZERO, Baseline, mean_baseline
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.lrp.probing import Relevance, explain_boards
from conceptlrp.othello import Corpus
from conceptlrp.statistics.estimates import Estimate, estimates

Array = NDArray[Any]

_BASE = "epsilon"
_ADDITIVITY_POSITIONS = 32
_ENDS = ("mean", "low", "high")
_ACTIONS = ("best", "other", "value")


@dataclass(frozen=True)
class Study:
    """What all composites of an evaluation have in common.

    ``base`` holds the network, whatever its composite; ``few`` are the positions for
    what takes long; ``targets`` are "best" and, where there is a value head, "value".
    ``baselines`` are what relevance of channels is measured from, by kind; ``effects``
    (N, T, C) are what ablating each channel does, by layer and ablation. ``scores``
    takes up what is measured.
    """

    base: Explainer
    sample: Sample
    few: Sample
    features: dict[str, FeatureMaps]
    baselines: dict[str, Baseline]
    effects: dict[tuple[str, str], Array]
    targets: tuple[str, ...]
    seed: int
    scores: Scores

    @property
    def donors(self) -> NDArray[np.int64]:
        """Another position with as many discs for each, (N,)."""
        return next(iter(self.features.values())).donors


def _measure_squares(
    study: Study, method: str, order: Array, target: str, metric: str = "square_gain"
) -> None:
    """Take discs away in the order of scores (N, S), in every way there is."""
    base, sample, seed = study.base, study.sample, study.seed
    for perturbation in PERTURBATIONS:
        about: dict[str, Any] = {"target": target, "perturbation": perturbation}
        curves = delete_squares(base, sample, order, **about, seed=seed)
        key = (method, metric, target, perturbation, "")
        _add_curves(study, key, curves, "square_moves_changed")


def measure_channels(
    study: Study, method: str, scores: Mapping[str, Mapping[str, Array]]
) -> None:
    """Hold scores (N, T, C) of channels, by baseline and layer, against ablation."""
    for t, target in enumerate(study.targets):
        # What has no sign of its own does not follow that of the value.
        has_sign = method not in ("activation", "random")
        sign = start_sign(study.sample, target if has_sign else "best")[:, None]
        for layer, features in study.features.items():
            for ablation, matching in MATCHING.items():
                # Relevance that has no other baseline is plain.
                baseline = matching if matching in scores else "zero"
                curves = delete_channels(
                    study.base,
                    study.sample,
                    features,
                    sign * scores[baseline][layer][:, t],
                    target=target,
                    ablation=ablation,
                )
                part = f"{layer} {ablation}"
                key = (method, "channel_gain", target, part, baseline)
                _add_curves(study, key, curves, "channel_moves_changed")
    measure_agreement(study, method, scores)


def measure_agreement(
    study: Study, method: str, scores: Mapping[str, Mapping[str, Array]]
) -> None:
    """Correlate scores (N, T, C), by baseline and layer, with effects of ablation.

    Plain scores come first, so that those of the baseline that stands for the ablation
    are the last ones. "Exchanged" are scores of another position with as many discs:
    what channels are like at any position.
    """
    games, donors = study.scores.games, study.donors
    for (layer, ablation), effects in study.effects.items():
        part = f"{layer} {ablation}"
        for baseline in (b for b in AGAINST[ablation] if b in scores):
            for t, target in enumerate(study.targets):
                score, effect = scores[baseline][layer][:, t], effects[:, t]
                for signed in (False, True):
                    metric = f"channel_agreement{'_signed' * signed}"
                    about = {"target": target, "baseline": baseline}
                    null = agreement(score[donors], effect, signed=signed)
                    found: dict[str, Array | Estimate] = {
                        "": agreement(score, effect, signed=signed),
                        "_exchanged": null,
                        "_overall": overall_agreement(
                            score, effect, games, signed=signed
                        ),
                    }
                    for ending, values in found.items():
                        name = f"{metric}{ending}"
                        study.scores.add(method, name, {part: values}, **about)


def _add_curves(study: Study, key: Key, curves: DeletionCurves, changed: str) -> None:
    method, metric, target, part, baseline = key
    scores, about = study.scores, {"target": target, "baseline": baseline}
    scores.add(method, metric, {part: curves.gain}, **about)
    if metric.endswith("same_class"):
        return
    scores.add(method, changed, {part: curves.changed.mean(axis=1)}, **about)
    steps = _steps_of(curves, scores.games)
    scores.curves.append(Curve(*key[:4], steps, baseline))


def _steps_of(curves: DeletionCurves, games: ArrayLike) -> tuple[dict[str, Any], ...]:
    rise = curves.start[:, None] - curves.least_first
    falls = {"fall": curves.fall, "least_first": rise}
    found = {name: estimates(values, games) for name, values in falls.items()}
    steps = []
    for k, gone in enumerate(curves.steps):
        step: dict[str, Any] = {"gone": gone}
        for name, each in found.items():
            ends = each[k].to_dict().items()
            step |= {f"{name}_{end}": value for end, value in ends if end in _ENDS}
        steps.append(step | {"moves_changed": float(curves.changed[:, k].mean())})
    return tuple(steps)


def measure_composite(
    study: Study, name: str, explainer: Explainer
) -> tuple[dict[str, Any], Array]:
    """Measure one composite; return its details and heatmaps of the best moves."""
    relevance = explain_sample(study, explainer)
    measure_heatmaps(study, name, relevance)
    measure_channels(study, name, channel_scores(study, explainer))
    _dependence(study, name, explainer, relevance)
    return _checks(study, name, explainer, relevance), relevance.one_hot[:, 0]


def channel_scores(study: Study, explainer: Explainer) -> dict[str, dict[str, Array]]:
    """Return relevance (N, T, C) of channels by baseline, plain alone if need be."""
    known = study.baselines if has_baselines(explainer) else {"zero": ZERO}
    return channel_relevance(explainer, study.sample, known, study.targets)


def has_baselines(explainer: Explainer) -> bool:
    """Tell whether a composite's relevance of layers can be above a baseline."""
    try:
        explainer.propagation.check_baseline()
    except CompositeError:
        return False
    return True


def prepare_study(
    network: nn.Module,
    corpus: Corpus,
    layers: Sequence[str] | None,
    n_positions: int,
    n_cascade: int,
    seed: int,
    baseline: Baseline,
    *,
    allow_gradient: bool = False,
) -> Study:
    """Draw positions and ablate each channel there; a missing mean is the corpus's."""
    base = Explainer(
        network, composite=_BASE, layers=layers, allow_gradient=allow_gradient
    )
    sample = draw_sample(base, corpus, n_positions=n_positions, seed=seed)
    has_value = bool(np.isfinite(sample.outputs.value).all())
    targets = ("best", "value") if has_value else ("best",)
    if baseline.kind != "mean":
        baseline = mean_baseline(base, corpus, seed=seed)
    features = {
        layer: replace(found, mean=baseline.maps[layer])
        for layer, found in feature_maps(base, sample.corpus, seed=seed).items()
    }
    donors = sample.corpus[same_ply_donors(sample.corpus, seed=seed)]
    return Study(
        base=base,
        sample=sample,
        few=sample.take(n_cascade),
        features=features,
        baselines={
            "zero": ZERO,
            "mean": baseline,
            "donor": Baseline("donor", donors=donors, positions=len(donors)),
        },
        effects={
            (layer, ablation): ablation_effects(base, sample, each, ablation, targets)
            for layer, each in features.items()
            for ablation in AGAINST
        },
        targets=targets,
        seed=seed,
        scores=Scores(sample.games),
    )


def explain_sample(
    study: Study, explainer: Explainer, *, few: bool = False
) -> Relevance:
    """Explain the best move, another one and, where there is one, the value."""
    sample = study.few if few else study.sample
    names = [name for name in _ACTIONS if name == "other" or name in study.targets]
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
        measure_channels(study, method, channels)


def _channel_orders(
    study: Study, network: nn.Module, generator: np.random.Generator
) -> dict[str, dict[str, dict[str, Array]]]:
    """Return scores (N, T, C) of channels by method, baseline and layer."""
    n, n_targets = len(study.sample), len(study.targets)
    found: dict[str, dict[str, Array]] = {}
    random: dict[str, Array] = {}
    for layer, features in study.features.items():
        for baseline, values in activations(features, n_targets).items():
            found.setdefault(baseline, {})[layer] = values
        drawn = generator.random((n, 1, features.maps.shape[1]))
        random[layer] = np.repeat(drawn, n_targets, axis=1)
    slopes = Explainer(
        network,
        composite=GRADIENT,
        layers=study.base.layers,
        allow_gradient=bool(study.base.gradients),
    )
    return {
        "random": {"zero": random},
        "activation": found,
        "gradient x activation": channel_scores(study, slopes),
    }


def measure_heatmaps(
    study: Study, name: str, relevance: Relevance, *, same_class: bool = True
) -> None:
    """Remove discs as heatmaps say, and ("same class") exchanged within classes."""
    sample = study.sample
    places = {"best": 0, "value": 2}
    for target in study.targets:
        maps = relevance.heatmap[:, places[target]].reshape(len(sample), -1)
        order = start_sign(sample, target)[:, None] * maps
        _measure_squares(study, name, order, target)
        if same_class:
            shuffled = same_class_scores(sample, order, seed=study.seed)
            _measure_squares(study, name, shuffled, target, "square_gain_same_class")
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
    relevance = explain_sample(study, untrained, few=True)
    lines = score_flip_lines(few.corpus, few.best, _best_maps(relevance))
    cosines = np.abs(random_logit_cosine(relevance))
    study.scores.add(name, "random_network_flip_line_mass", lines.mass)
    study.scores.add(name, "random_network_random_logit_cosine", cosines)


def _best_maps(relevance: Relevance) -> Array:
    return relevance.heatmap[:, 0].reshape(len(relevance.heatmap), -1)
