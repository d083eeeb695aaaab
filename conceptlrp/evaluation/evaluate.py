"""Evaluate composites on a network: everything of this folder, in one call."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from conceptlrp.errors import CompositeError
from conceptlrp.evaluation.agreement import composite_agreement
from conceptlrp.evaluation.composite_evaluation import CompositeEvaluation
from conceptlrp.evaluation.gates import gates_of
from conceptlrp.evaluation.recommendation import recommend
from conceptlrp.evaluation.study import (
    measure_baselines,
    measure_composite,
    prepare_study,
)
from conceptlrp.lrp import COMPOSITES, Explainer
from conceptlrp.lrp._zennit import Composite
from conceptlrp.networks import network_digest
from conceptlrp.othello import Corpus

OnProgress = Callable[[str, int, int], None]


def evaluate_composites(
    network: nn.Module,
    corpus: Corpus,
    *,
    composites: Sequence[str] | Mapping[str, Composite] = COMPOSITES,
    n_positions: int = 300,
    n_cascade: int = 100,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> CompositeEvaluation:
    """Measure how well composites explain a network, and recommend one.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    corpus : Corpus
        Where positions are drawn from; best with every position once.
    composites : sequence of str, or mapping of str to Composite
        Names of presets, or zennit composites by the name they are to have.
    n_positions : int
        Positions at most.
    n_cascade : int
        How many of them are explained again with random weights, and turned.
    layers : sequence of str, optional
        Layers whose channels are judged, all convolutions by default.
    seed : int
        The same seed gives the same numbers.
    on_progress : callable, optional
        Called with a stage, how many steps are done and how many there are.

    Returns
    -------
    CompositeEvaluation
        Numbers with intervals, gates and the recommendation.

    Raises
    ------
    CompositeError
        A composite is unknown, or none is given.
    ValueError
        Fewer than two positions have two legal moves.
    """
    chosen = _checked(composites)
    explainers = {
        name: Explainer(network, composite=each, layers=layers)
        for name, each in chosen.items()
    }
    names = tuple(chosen)
    study = prepare_study(network, corpus, layers, n_positions, n_cascade, seed)
    report, steps = on_progress or (lambda *_: None), len(names) + 1
    report("baselines", 0, steps)
    findings = measure_baselines(study, network)
    heatmaps, details = {}, {}
    for done, (name, explainer) in enumerate(explainers.items(), 1):
        report(name, done, steps)
        found, details[name], heatmaps[name] = measure_composite(study, name, explainer)
        findings += found
    report("done", steps, steps)
    gates = {name: gates_of(findings, name) for name in names}
    return CompositeEvaluation(
        network=network_digest(network),
        corpus=corpus.digest,
        positions=len(study.sample),
        seed=seed,
        composites=names,
        findings=findings,
        gates=gates,
        recommendation=recommend(findings, gates),
        details=details,
        agreement=composite_agreement(heatmaps, study.sample.occupied),
    )


def _checked(
    composites: Sequence[str] | Mapping[str, Composite],
) -> dict[str, str | Composite]:
    """Return composites by name."""
    if not composites:
        msg = f"no composite to evaluate, expected some of {', '.join(COMPOSITES)}"
        raise CompositeError(msg)
    if isinstance(composites, Mapping):
        return dict(composites)
    return {name: name for name in composites}
