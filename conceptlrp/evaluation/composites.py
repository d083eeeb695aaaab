"""Evaluate composites on a network: everything of this folder, in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conceptlrp.errors import CompositeError, check_names
from conceptlrp.evaluation.heatmaps import composite_agreement
from conceptlrp.evaluation.result import CompositeEvaluation
from conceptlrp.evaluation.study import (
    has_baselines,
    measure_baselines,
    measure_composite,
    prepare_study,
)
from conceptlrp.evaluation.verdict import gates_of, recommend
from conceptlrp.lrp import Explainer
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.baselines import ZERO, Baseline
from conceptlrp.lrp.composites import CANDIDATES, COMPOSITES
from conceptlrp.lrp.one_call import check_explains
from conceptlrp.networks import network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello.positions import Positions, given_corpus
from conceptlrp.progress import OnProgress
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore


def evaluate(
    store: AnyStore,
    network: AnyNetwork,
    *,
    composites: Sequence[str] | Mapping[str, Composite] = CANDIDATES,
    layers: Sequence[str] | None = None,
    n_positions: int = 300,
    n_cascade: int = 100,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> CompositeEvaluation:
    """Measure how well composites explain a store's network on its positions.

    Parameters
    ----------
    store, network : Store and Module, or their paths
        Where positions come from, and what it explains.
    composites : sequence of str, or mapping of str to Composite
        Names of presets and pairs, or zennit composites by the name they are to
        have. None, or an unknown one, raises `CompositeError`.
    layers : sequence of str, optional
        Layers whose channels are judged; those of the store by default.
    n_positions, n_cascade : int
        Positions at most, and how many of them are explained again with random
        weights, and turned. At least two must have two legal moves.
    seed : int
        The same seed gives the same numbers.
    save, overwrite : bool
        Keep the evaluation in the store, and replace the one that it has, which
        otherwise raises `OutputExistsError`.
    on_progress : callable, optional
        Called with "evaluate", how many steps are done and how many there are.

    Returns
    -------
    CompositeEvaluation
        Numbers with intervals, gates, and the recommendation if the positions suffice
        for one.
    """
    store, network = open_store(store), checked_network(network)
    check_explains(store, network)
    if save:
        store.results.check_free(CompositeEvaluation, overwrite=overwrite)
    found = evaluate_composites(
        network,
        store.positions,
        composites=composites,
        layers=layers or store.layers,
        n_positions=n_positions,
        n_cascade=n_cascade,
        seed=seed,
        # Donors are of rows, which turned boards are not.
        baseline=ZERO if store.baseline.kind == "donor" else store.baseline,
        allow_gradient=bool(store.manifest.plan.gradients),
        on_progress=on_progress,
    )
    if save:
        store.results.save(found, overwrite=overwrite)
    return found


def evaluate_composites(
    network: AnyNetwork,
    corpus: Positions,
    *,
    composites: Sequence[str] | Mapping[str, Composite] = CANDIDATES,
    layers: Sequence[str] | None = None,
    n_positions: int = 300,
    n_cascade: int = 100,
    seed: int = 0,
    baseline: Baseline = ZERO,
    allow_gradient: bool = False,
    on_progress: OnProgress | None = None,
) -> CompositeEvaluation:
    """Measure how well composites explain a network, and recommend one.

    Parameters
    ----------
    network : Module or path
        In evaluation mode.
    corpus : Corpus, Position, sequence of Position or array of shape (N, n, n)
        Where positions are drawn from; best with every position once.
    composites, layers, n_positions, n_cascade, seed
        As for `evaluate`; by default all convolutions.
    baseline : Baseline
        What conditional heatmaps are measured from. A mean baseline is also what
        ablation by the mean puts in a channel's place; without one, the mean of the
        corpus. Channels are judged by relevance above zero, mean and donors anyway.
    allow_gradient : bool
        Explain operations that have no rule by their gradient; see `Explainer`.
    on_progress : callable, optional
        As for `evaluate`.

    Returns
    -------
    CompositeEvaluation
        What `evaluate` returns, of the corpus.
    """
    corpus = given_corpus(corpus)
    if not isinstance(composites, Mapping):
        composites = check_names(composites, "composites", "a composite")
    if not composites:
        msg = f"no composite to evaluate, expected some of {', '.join(COMPOSITES)}"
        raise CompositeError(msg)
    names = tuple(composites)
    chosen = composites.values() if isinstance(composites, Mapping) else names
    network = checked_network(network)
    options: dict[str, Any] = {"layers": layers, "allow_gradient": allow_gradient}
    explainers = {
        name: Explainer(network, composite=each, **options)
        for name, each in zip(names, chosen, strict=True)
    }
    for explainer in explainers.values():
        explainer.baseline = baseline if has_baselines(explainer) else ZERO
    study = prepare_study(
        *(network, corpus, layers, n_positions, n_cascade, seed, baseline),
        allow_gradient=allow_gradient,
    )
    report, steps = on_progress or (lambda *_: None), len(names) + 1
    report("evaluate", 0, steps)
    measure_baselines(study, network)
    heatmaps, details = {}, {}
    for done, (name, explainer) in enumerate(explainers.items(), 1):
        report("evaluate", done, steps)
        details[name], heatmaps[name] = measure_composite(study, name, explainer)
    report("evaluate", steps, steps)
    gates = {name: gates_of(study.scores, name) for name in names}
    recommendation = recommend(study.scores, gates)
    return CompositeEvaluation(
        network=network_digest(network),
        corpus=corpus.digest,
        positions=len(study.sample),
        games=len(np.unique(study.sample.games)),
        seed=seed,
        composites=names,
        findings=study.scores.findings,
        gates=gates,
        recommendation=recommendation,
        details=details,
        agreement=composite_agreement(heatmaps, study.sample.occupied),
    )
