"""Figures of what was derived from a store: labels, graph, evaluation.

Names are those of reports, and the composite is the store's own.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import nn

from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.errors import StoreError
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.figures.composite_matrix import sanity_figure
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.deletion_curves import faithfulness_figure
from conceptlrp.figures.empty_boards import empty_board_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.store_figures import results_of
from conceptlrp.figures.style import TWO_COLUMNS
from conceptlrp.labelling.channel_labels import channel_names
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

_EMPTY_BOARDS = ("epsilon-flat", "epsilon-plus-flat", "epsilon-gamma", "epsilon")


def labels(
    store: AnyStore,
    layer: str,
    *,
    target: int | str = 0,
    measure: str | None = None,
    count: int | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the effect of every channel of a layer for every label.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus, labelled.
    layer : str
        Name of the layer.
    target : int or str
        The explained output.
    measure : str, optional
        What of the channels was scored, such as "relevance"; by default, for each
        pair, the measure with the largest effect.
    count : int, optional
        Channels at most, by default as many as fit; those with a name and then the
        largest effects stay.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for each label and a column for each channel, those with one name side
        by side. A dark frame is a channel's name, a thin one another label that it
        was found to have; a blank cell was not tested.

    Raises
    ------
    StoreError
        If the layer has no labels.
    ValueError
        If the measure was not scored, or there is nothing to draw.
    """
    store = open_store(store)
    results = results_of(store, target)
    scored = results.labels
    if scored is None or layer not in scored.layers:
        msg = f"{store.path}: has no labels of '{layer}'; run 'conceptlrp label'"
        raise StoreError(msg)
    return label_matrix_figure(
        scored.layers[layer],
        measure=measure,
        channels=count,
        title=title or f"{layer}: labels of channels (target: {results.target})",
        width=width,
    )


def graph(
    store: AnyStore,
    *,
    target: int | str = 0,
    count: int = 24,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the strongest paths from an output down to the first layer.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus, with a concept graph.
    target : int or str
        The explained output, which stands on top.
    count : int
        How many paths; channels and edges on none of them are left out.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        Channels have their names below their numbers. Edges are as wide as their
        share of what the node above sends, orange where their mean relevance speaks
        for the target, blue and broken where against.

    Raises
    ------
    StoreError
        If the store has no concept graph.
    ValueError
        If no relevance leaves the target.
    """
    store = open_store(store)
    results = results_of(store, target)
    return concept_graph_figure(
        _graph(results),
        results.target,
        paths=count,
        names=channel_names(results.labels),
        title=title,
        width=width,
    )


def faithfulness(
    store: AnyStore,
    *,
    composite: str | None = None,
    target: str = "best",
    ablation: str = "mean",
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw how the output falls as discs and channels are taken away.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus, whose composites were evaluated.
    composite : str, optional
        Whose relevance is drawn; by default the store's own.
    target : str
        Output that is followed as discs go, "best" or "value"; channels are
        followed at the best move.
    ablation : str
        What becomes of channels: "zero", "mean" or "resample".
    width : float
        Inches.

    Returns
    -------
    Figure
        A panel for each way of taking discs away and for each layer. Bands are 95 %
        intervals over games; the bar at the foot of a panel stands where those of
        relevance and of a random order are apart.

    Raises
    ------
    StoreError
        If the store has no evaluation.
    ValueError
        If the composite, target or ablation was not evaluated.
    """
    store = open_store(store)
    return faithfulness_figure(
        _evaluation(store),
        composite=composite or _composite(store),
        target=target,
        ablation=ablation,
        width=width,
    )


def sanity(store: AnyStore, *, width: float = TWO_COLUMNS) -> Figure:
    """Draw which gates composites pass, and how much their heatmaps say.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus, whose composites were evaluated.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for each composite. Bars are 95 % intervals over games, dashed lines
        the limits of the gates, small marks single layers; the matrices have what
        is left of the heatmaps' rank correlation, beyond chance, as layers lose
        their weights.

    Raises
    ------
    StoreError
        If the store has no evaluation.
    """
    store = open_store(store)
    return sanity_figure(_evaluation(store), width=width)


def empty_board(
    store: Store,
    network: nn.Module,
    *,
    composites: Sequence[str] | None = None,
    move: str | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the heatmaps of a board without a single disc.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus.
    network : Module
        Its network, in evaluation mode.
    composites : sequence of str, optional
        Names of presets, a column for each; by default the store's own, and others
        to compare it with.
    move : str, optional
        The square whose logit is explained; by default a first move.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for the move and, where there is a value head, one for the value. Below
        each board stand its own limit and what its squares add up to.

    Raises
    ------
    CompositeError
        A composite is unknown.
    NotationError
        The move is no square.
    """
    names = composites or tuple(dict.fromkeys((_composite(store), *_EMPTY_BOARDS)))[:4]
    return empty_board_figure(network, names, move=move, title=title, width=width)


def _composite(store: Store) -> str:
    return str(store.manifest.composite.get("name", ""))


def _graph(results: StoredResults) -> MeanConceptGraph:
    if results.graph is None:
        msg = f"{results.store.path}: has no concept graph; run 'conceptlrp graph'"
        raise StoreError(msg)
    return results.graph


def _evaluation(store: Store) -> CompositeEvaluation:
    found = StoredResults(store, store.targets[0]).evaluation
    if found is None:
        msg = f"{store.path}: has no evaluation; run 'conceptlrp evaluate'"
        raise StoreError(msg)
    return found
