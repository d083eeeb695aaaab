"""Concept graphs of many positions: relevance between channels, averaged.

The graph of each position is computed by the native engine and summed in float64, so
that batches change nothing beyond rounding. Above a baseline, channels have relevance
above it, and so has what they are sent; what they send on is plain relevance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.concept_graph.mean_graph import Flow, MeanConceptGraph, Pair
from conceptlrp.lrp import Baseline, Explainer, Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.batch import batches
from conceptlrp.lrp.engine.trace import feature_layers, select_layers
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.lrp.targets import parse_targets
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.othello.positions import Positions
from conceptlrp.progress import OnProgress
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore


def graph(
    store: AnyStore,
    network: AnyNetwork,
    *,
    n_positions: int = 2000,
    composite: Composite | None = None,
    heatmaps: Composite | None = None,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> MeanConceptGraph:
    """Average relevance between the channels of adjacent layers over a store.

    Parameters
    ----------
    store, network : Store and Module, or their paths
        Where positions, targets, layers, composite and baseline come from, and what
        it explains. Layers between those of the store join them.
    n_positions : int
        Positions at most, drawn at random.
    composite, heatmaps : Composite, optional
        Those of the store, if they are no presets.
    seed : int
        Seed of the draw.
    save, overwrite : bool
        Keep the graph in the store, and replace the one that it has, which otherwise
        raises `OutputExistsError`.
    on_progress : callable, optional
        Called with "graph", how many positions are done and how many there are.

    Returns
    -------
    MeanConceptGraph
        Of the store's targets. A network that only zennit's hooks can explain raises
        `NetworkError`, as another than the store's does.
    """
    store = open_store(store)
    explainer = graph_explainer(store, network, composite=composite, heatmaps=heatmaps)
    explainer.check_native("a concept graph")
    if save:
        store.results.check_free(MeanConceptGraph, overwrite=overwrite)
    rows = np.arange(len(store))
    if len(rows) > n_positions:
        random = np.random.default_rng(seed)
        rows = np.sort(random.choice(rows, n_positions, replace=False))
    found = mean_concept_graph(
        explainer,
        store.positions[rows],
        targets=store.targets,
        baseline=explainer.baseline_for(None).take(rows),
        on_progress=on_progress,
    )
    if save:
        store.results.save(found, overwrite=overwrite)
    return found


def mean_concept_graph(
    explainer: Explainer,
    positions: Positions,
    *,
    targets: str | Target | Sequence[str | Target] = ("played",),
    baseline: Baseline | None = None,
    batch_size: int = 16,
    on_progress: OnProgress | None = None,
) -> MeanConceptGraph:
    """Average the concept graph over positions, of a store or not.

    Parameters
    ----------
    explainer : Explainer
        Network, composite and layers.
    positions, targets
        As for `attribute`.
    baseline : Baseline, optional
        What relevance is above, a donor a position; the explainer's own by default.
    batch_size : int
        Positions at a time; memory grows with it and with pairs of channels.
    on_progress : callable, optional
        Called with "graph", how many positions are done and how many there are.

    Returns
    -------
    MeanConceptGraph
        The same for batches of any size, to rounding in float64.
    """
    corpus = explainer.corpus(positions)
    parsed = parse_targets(targets, explainer.size)
    above = explainer.baseline_for(corpus, baseline)
    nodes: dict[str, Flow] = {}
    edges: dict[Pair, Flow] = {}
    for rows in batches(len(corpus), batch_size):
        chosen = [target.take(rows) for target in parsed]
        batch, part = corpus[rows], above.take(rows)
        summary = explainer.summarize(batch, targets=chosen, baseline=part)
        found = explainer.concept_graph(
            batch,
            targets=chosen,
            per_position=True,
            baseline=part,
            batch_size=batch_size,
        )
        _add(nodes, summary.relevance)
        _add(edges, found.edges)
        if on_progress is not None:
            on_progress("graph", min(rows.stop, len(corpus)), len(corpus))
    return MeanConceptGraph(
        targets=tuple(target.name for target in parsed),
        layers=explainer.layers,
        nodes=_divide(nodes, len(corpus)),
        edges=_divide(edges, len(corpus)),
        positions=len(corpus),
    )


def graph_explainer(
    store: Store,
    network: AnyNetwork,
    *,
    composite: Composite | None = None,
    heatmaps: Composite | None = None,
) -> Explainer:
    """Make ready what explained a store, with the layers between its own."""
    rules: dict[str, Any] = {"composite": composite, "heatmaps": heatmaps}
    explainer = store_explainer(store, network, **rules)
    wanted = {*select_layers(explainer.network, None), *store.layers}
    if wanted == set(store.layers):
        return explainer
    layers = [name for name in feature_layers(explainer.network) if name in wanted]
    return store_explainer(store, network, **rules, layers=layers, between=True)


def _add(totals: dict[Any, Flow], found: dict[Any, NDArray[np.floating]]) -> None:
    for name, values in found.items():
        signed = values.sum(axis=0, dtype=np.float64)
        absolute = np.abs(values).sum(axis=0, dtype=np.float64)
        if name in totals:
            signed = signed + totals[name].signed
            absolute = absolute + totals[name].absolute
        totals[name] = Flow(signed, absolute)


def _divide(totals: dict[Any, Flow], count: int) -> dict[Any, Flow]:
    return {n: Flow(f.signed / count, f.absolute / count) for n, f in totals.items()}
